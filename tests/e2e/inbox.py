# SPDX-License-Identifier: Apache-2.0
"""For tests that ask how often a request was answered."""

import collections

from client import Reply, until


class Inbox:
    """Requests whose answers are counted: nats-py's own would not show that one came twice."""

    def __init__(self, client):
        self.client = client
        self.subject = client.nats.new_inbox()
        self.replies: dict[int, Reply] = {}
        self.counts: collections.Counter = collections.Counter()

    async def open(self):
        async def take(message):
            number = int(message.subject.rsplit(".", 1)[1])
            self.counts[number] += 1
            self.replies[number] = Reply(message)

        await self.client.nats.subscribe(f"{self.subject}.*", cb=take)
        return self

    async def send(self, number: int, model: str, body: bytes, headers: dict | None = None):
        await self.client.nats.publish(
            f"darkroom.run.{model}", body, reply=f"{self.subject}.{number}", headers=headers
        )

    async def until_answered(self, count: int):
        async def enough():
            return len(self.replies) >= count

        await until(f"{count} answers", enough)
