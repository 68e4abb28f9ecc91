# SPDX-License-Identifier: Apache-2.0
"""Ray Serve with one replica that answers the bodies of a batch with their own bytes after a while.

usage: ray_server.py PORT FOLDER; BENCH_BATCH_MS and BENCH_MAX_BATCH say what the model is.
"""

import asyncio
import logging
import os
import sys

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

BATCH_SECONDS = float(os.environ["BENCH_BATCH_MS"]) / 1000
MAX_BATCH = int(os.environ["BENCH_MAX_BATCH"])
WAIT_SECONDS = 0.005  # for a batch to become full


@serve.deployment(
    max_ongoing_requests=256,
    ray_actor_options={"num_cpus": 0},
    logging_config={"enable_access_log": False},
)
class Model:
    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=WAIT_SECONDS)
    async def infer(self, bodies: list[bytes]) -> list[bytes]:
        await asyncio.sleep(BATCH_SECONDS)
        return bodies

    async def __call__(self, request: Request) -> Response:
        body = await self.infer(await request.body())
        return Response(body, media_type="application/octet-stream")


if __name__ == "__main__":
    ray.init(include_dashboard=False, _temp_dir=sys.argv[2], logging_level=logging.ERROR)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Model.bind(), name="model", route_prefix="/", blocking=True)
