# SPDX-License-Identifier: Apache-2.0
"""Mosec with one worker that answers the bodies of a batch with their own bytes after a while.

Address and port come from the command line, which Mosec reads itself: --address HOST --port PORT.
BENCH_BATCH_MS and BENCH_MAX_BATCH say what the model is.
"""

import os
import time

from mosec import Server, Worker

BATCH_SECONDS = float(os.environ["BENCH_BATCH_MS"]) / 1000
MAX_BATCH = int(os.environ["BENCH_MAX_BATCH"])
WAIT_MS = 5  # for a batch to become full


class Model(Worker):
    """Takes and gives raw bytes; Mosec's default would be JSON."""

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: list[bytes]) -> list[bytes]:
        time.sleep(BATCH_SECONDS)
        return data

    def serialize(self, data: bytes) -> bytes:
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Model, num=1, max_batch_size=MAX_BATCH, max_wait_time=WAIT_MS)
    server.run()
