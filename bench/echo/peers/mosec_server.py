# SPDX-License-Identifier: Apache-2.0
"""A model server over HTTP: Mosec with one worker that answers a body with its own bytes.

Address and port come from the command line, which Mosec reads itself: --address HOST --port PORT.
"""

from mosec import Server, Worker


class Echo(Worker):
    """Takes and gives raw bytes, as the echo plugin does; Mosec's default would be JSON."""

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> bytes:
        return data

    def serialize(self, data: bytes) -> bytes:
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Echo, num=1)
    server.run()
