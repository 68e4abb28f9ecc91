# SPDX-License-Identifier: Apache-2.0
"""A client of durable jobs, made of nats-py's JetStream alone, and the models that tests use."""

import json

import nats.js.errors

from client import Reply, until
from harness import bad_plugin_path

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "crashes": {"plugin": str(bad_plugin_path("crashes"))},
}


async def until_served(js, models):
    """Waits until the daemons have made all that they need on the server for jobs of the models."""

    async def consumers():
        try:
            return len(await js.consumers_info("DARKROOM_JOBS")) == 3 * len(models)
        except nats.js.errors.NotFoundError:
            return False

    await until("the streams", consumers)


class Durable:

    def __init__(self, client):
        self.client = client
        self.js = client.nats.jetstream(timeout=10)

    async def submit(self, model: str, body: bytes = b"", job: str | None = None, *,
                     job_class: str = "normal", params: dict | None = None, **headers: str):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if job is not None:
            fields["Nats-Msg-Id"] = job
        if params is not None:
            fields["Darkroom-Params"] = json.dumps(params)
        subject = f"darkroom.jobs.{job_class}.{model}"
        return await self.js.publish(subject, body, headers=fields or None)

    async def state(self, job: str) -> dict | None:
        try:
            kept = await self.js.get_last_msg("KV_darkroom-jobs", f"$KV.darkroom-jobs.{job}")
        except nats.js.errors.NotFoundError:
            return None
        return json.loads(kept.data)

    async def ended(self, job: str, seconds: float = 30) -> dict:
        async def terminal():
            state = await self.state(job)
            over = state and state["state"] in ("succeeded", "failed", "cancelled", "expired")
            return state if over else None

        return await until(f"the end of {job}", terminal, seconds)

    async def reply(self, model: str, job: str) -> Reply:
        """What is stored of it: exactly one message."""
        subject = f"darkroom.results.{model}.{job}"
        info = await self.js.stream_info("DARKROOM_RESULTS", subjects_filter=subject)
        assert info.state.subjects == {subject: 1}, info.state.subjects
        return Reply(await self.js.get_last_msg("DARKROOM_RESULTS", subject))

    async def waiting(self) -> int:
        return (await self.js.stream_info("DARKROOM_JOBS")).state.messages

    async def restart(self, server):
        """Kills the server, and waits until it and this client are there again."""
        server.kill()
        server.start()

        async def there():
            try:
                return await self.js.account_info()
            except Exception:  # noqa: BLE001: whatever it is, it is not there yet
                return None

        await until("the server to be back", there)

    async def none_left(self):
        async def empty():
            return await self.waiting() == 0

        await until("the queue to be empty", empty)
