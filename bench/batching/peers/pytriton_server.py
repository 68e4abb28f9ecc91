# SPDX-License-Identifier: Apache-2.0
"""Triton with a model in Python that answers the bodies of a batch with their own bytes after a
while.

usage: pytriton_server.py PORT OTHER_PORT; BENCH_BATCH_MS and BENCH_MAX_BATCH say what the model is.
"""

import os
import sys
import sysconfig
import time

# Triton's Python stub loads the first libpython3.11 that it finds, which has to be this Python's.
FOLDERS = [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH", "")]
os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, FOLDERS))

import numpy as np  # noqa: E402
from pytriton.decorators import batch  # noqa: E402
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor  # noqa: E402
from pytriton.triton import Triton, TritonConfig  # noqa: E402

BATCH_SECONDS = float(os.environ["BENCH_BATCH_MS"]) / 1000
WAIT_US = 5000  # for a batch to become full


@batch
def infer(IN):  # noqa: N803: the input's name
    time.sleep(BATCH_SECONDS)
    return {"OUT": IN}


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(sys.argv[1]),
        grpc_address="127.0.0.1",
        grpc_port=int(sys.argv[2]),
        allow_metrics=False,
        log_verbose=0,
        exit_on_error=True,
    )
    batching = ModelConfig(
        max_batch_size=int(os.environ["BENCH_MAX_BATCH"]),
        batcher=DynamicBatcher(max_queue_delay_microseconds=WAIT_US),
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="model",
            infer_func=infer,
            inputs=[Tensor(name="IN", dtype=np.uint8, shape=(-1,))],
            outputs=[Tensor(name="OUT", dtype=np.uint8, shape=(-1,))],
            config=batching,
            strict=False,
        )
        triton.serve()
