# SPDX-License-Identifier: Apache-2.0
"""LitServe with one worker that answers the bodies of a batch with their own bytes after a while.

usage: litserve_server.py PORT; BENCH_BATCH_MS and BENCH_MAX_BATCH say what the model is.
"""

import os
import sys
import time
from typing import Annotated

import litserve
from fastapi import Depends, Request, Response

BATCH_SECONDS = float(os.environ["BENCH_BATCH_MS"]) / 1000
WAIT_SECONDS = 0.005  # for a batch to become full


async def read_body(request: Request) -> bytes:
    return await request.body()


class Model(litserve.LitAPI):
    """Takes and gives raw bytes; LitServe's default would be JSON."""

    def setup(self, device):
        pass

    def decode_request(self, request: Annotated[bytes, Depends(read_body)]) -> bytes:
        return request

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, inputs: list[bytes]) -> list[bytes]:
        time.sleep(BATCH_SECONDS)
        return inputs

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(content=output, media_type="application/octet-stream")


if __name__ == "__main__":
    model = Model(max_batch_size=int(os.environ["BENCH_MAX_BATCH"]), batch_timeout=WAIT_SECONDS)
    server = litserve.LitServer(model, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
        access_log=False,
    )
