# SPDX-License-Identifier: Apache-2.0
"""The same job as a Celery task, with what makes it as durable as Celery can be on Redis: a task is
acknowledged once it has run, and its result is kept. Where Redis is, BENCH_REDIS says.
"""

import os

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # As many as the load has on their way: 2 processes times this.
    worker_prefetch_multiplier=32,
    result_expires=24 * 3600,
    # More than there are threads that submit.
    broker_pool_limit=16,
    broker_connection_retry_on_startup=True,
)


@app.task(name="echo")
def echo(body: str) -> str:
    return body
