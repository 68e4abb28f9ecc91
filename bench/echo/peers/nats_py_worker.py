# SPDX-License-Identifier: Apache-2.0
"""A worker of a few lines, as people write it with nats-py: answers a message with its own bytes.

usage: nats_py_worker.py URL SUBJECT
"""

import asyncio
import sys

import nats


async def main(url: str, subject: str) -> None:
    connection = await nats.connect(url)

    async def answer(message) -> None:
        await message.respond(message.data)

    await connection.subscribe(subject, "workers", cb=answer)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
