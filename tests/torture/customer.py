# SPDX-License-Identifier: Apache-2.0
"""The client of a run: submits what the plan says until it is accepted, watches, and gathers.

It is connected to the server itself, not through a proxy, and is never killed; but the server is,
so everything is asked again until it is answered.
"""

import asyncio
import collections
import hashlib
import json

import nats
import nats.errors
import nats.js.errors
from nats.js.api import ConsumerConfig, ObjectStoreConfig, StreamConfig

import support  # noqa: F401: finds the end-to-end tests' modules
from plan import REPLIES, Job, Plan
from points import TERMINAL, Seen
from verify import Evidence, Stored

REPLY_STREAM = "TORTURE_REPLIES"
_STATES = "KV_darkroom-jobs"
_BUSY = (nats.errors.Error, asyncio.TimeoutError, OSError)  # the server is away, or was
_BATCH = 500
# Larger bodies go into the object store.
_LARGEST = 512 << 10
_OBJECT = "Darkroom-Object"
_BUCKET = "darkroom-objects"


async def insist(what, seconds: float = 60):
    """Awaits `what()` until the server answers."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await what()
        except nats.js.errors.NotFoundError:
            raise
        except _BUSY:
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(0.05)


class Customer:
    def __init__(self, connection: nats.NATS, replicas: int = 1):
        self._nats = connection
        self._js = connection.jetstream(timeout=3)
        self._replicas = replicas
        self.jobs: dict[str, Job] = {}  # accepted, by id
        self.history: dict[str, dict[int, str]] = collections.defaultdict(dict)
        self.ended: set[str] = set()
        self._perhaps = 0
        self._watching: asyncio.Task | None = None

    @classmethod
    async def connect(cls, urls: list[str], replicas: int = 1) -> "Customer":
        async def ignore(_):
            """Servers are killed here; what matters is asked again."""

        connection = await nats.connect(
            urls, max_reconnect_attempts=-1, reconnect_time_wait=0.1, allow_reconnect=True,
            error_cb=ignore, connect_timeout=5, ping_interval=5,
        )
        return cls(connection, replicas)

    async def close(self):
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._nats.close()

    async def prepare(self, consumers: int):
        """Waits until the daemons have made what they need, and begins to watch."""

        async def made():
            try:
                found = len(await self._js.consumers_info("DARKROOM_JOBS"))
                await self._js.stream_info(_STATES)
            except nats.js.errors.NotFoundError:
                return False
            return found == consumers

        while not await insist(made):
            await asyncio.sleep(0.05)
        try:
            await insist(lambda: self._js.object_store(_BUCKET))
        except nats.js.errors.NotFoundError:
            objects = ObjectStoreConfig(ttl=24 * 3600, replicas=self._replicas)
            await insist(lambda: self._js.create_object_store(_BUCKET, objects))
        replies = StreamConfig(REPLY_STREAM, subjects=[f"{REPLIES}.>"], num_replicas=self._replicas)
        await insist(lambda: self._js.add_stream(replies))
        self._watching = asyncio.create_task(self._watch())

    async def leader(self, stream: str) -> str | None:
        cluster = (await self._js.stream_info(stream)).cluster
        return cluster.leader if cluster else None

    async def is_whole(self, stream: str, nodes: int) -> bool:
        """Whether it has a leader and is the same on all nodes."""
        cluster = (await self._js.stream_info(stream)).cluster
        others = [peer.current and not peer.offline for peer in cluster.replicas or []]
        return bool(cluster.leader) and len(others) == nodes - 1 and all(others)

    def saw(self, seen: Seen):
        """A state that is known to be kept."""
        if seen.state and seen.sequence:
            self._keep(seen.job, seen.sequence, seen.state)

    async def submit_all(self, plan: Plan):
        begun = asyncio.get_running_loop().time()

        async def at(moment: float, job: Job):
            await asyncio.sleep(begun + moment - asyncio.get_running_loop().time())
            await self.submit(job)

        moments = [(moment, job) for job in plan.jobs for moment in (job.at, *job.again)]
        await asyncio.gather(*(at(moment, job) for moment, job in moments))

    async def submit(self, job: Job):
        headers = {**job.headers, **({"Nats-Msg-Id": job.id} if job.id else {})}
        body = job.body
        if len(body) > _LARGEST:
            headers[_OBJECT], body = await insist(lambda: self._put(job.body)), b""
        while True:
            try:
                accepted = await self._js.publish(job.subject, body, timeout=2, headers=headers or None)
                break
            except _BUSY:
                self._perhaps += job.id is None
                await asyncio.sleep(0.05)
        self.jobs[job.id or f"s{accepted.seq}"] = job

    async def _put(self, body: bytes) -> str:
        name = hashlib.sha256(body).hexdigest()
        store = await self._js.object_store(_BUCKET)
        try:
            await store.get_info(name)
        except nats.js.errors.ObjectNotFoundError:
            await store.put(name, body)
        return f"nats-object://{_BUCKET}/{name}"

    async def until_ended(self, patience: float):
        """Until all have ended and the queue is empty, or nothing has moved for `patience` seconds."""
        clock = asyncio.get_running_loop().time
        moved, before = clock(), None
        while clock() - moved < patience:
            left = (len(self.jobs.keys() - self.ended), await insist(self._owed))
            if left == (0, 0):
                return
            if left != before:
                moved, before = clock(), left
            await asyncio.sleep(0.1)

    async def gather(self) -> Evidence:
        evidence = Evidence(self.jobs, history=self.history, perhaps=self._perhaps)
        evidence.results = collections.defaultdict(list)
        async for subject, message in self._read("DARKROOM_RESULTS"):
            evidence.results[subject].append(message)
        async for subject, message in self._read(_STATES):
            if message.data:
                evidence.states[subject.rsplit(".", 1)[1]] = json.loads(message.data)
        evidence.replies = await self._by_id(REPLY_STREAM)
        evidence.dead = await self._by_id("DARKROOM_DEAD")
        if await insist(self._waiting):
            evidence.waiting = await self._left()
            evidence.owed = await insist(self._owed)
        return evidence

    async def _by_id(self, stream: str) -> dict[str, list[Stored]]:
        found = collections.defaultdict(list)
        try:
            async for subject, message in self._read(stream):
                found[subject.rsplit(".", 1)[1]].append(message)
        except nats.js.errors.NotFoundError:
            pass  # no daemon makes it
        return found

    async def _waiting(self) -> int:
        return (await self._js.stream_info("DARKROOM_JOBS")).state.messages

    async def _owed(self) -> int:
        """How many deliveries and acknowledgements the consumers still wait for."""
        consumers = await self._js.consumers_info("DARKROOM_JOBS")
        return sum(consumer.num_pending + consumer.num_ack_pending for consumer in consumers)

    async def _left(self) -> list[str]:
        """A work queue has one consumer for each subject, so it is read message by message."""
        names, sequence = [], 1
        while True:
            try:
                message = await insist(
                    lambda: self._js.get_msg("DARKROOM_JOBS", sequence, subject=">", next=True)  # noqa: B023
                )
            except nats.js.errors.NotFoundError:
                return names
            names.append((message.headers or {}).get("Nats-Msg-Id", f"s{message.seq}"))
            sequence = message.seq + 1

    async def _read(self, stream: str):
        """All messages of a stream that nobody writes to any more."""
        info = await insist(lambda: self._js.stream_info(stream))
        consumer = ConsumerConfig(ack_policy="none", num_replicas=1, mem_storage=True)
        left = info.state.messages
        if left == 0:
            return
        reader = await insist(lambda: self._js.pull_subscribe("", stream=stream, config=consumer))
        while left > 0:
            some = min(_BATCH, left)
            for message in await insist(lambda: reader.fetch(some, timeout=20)):  # noqa: B023
                left -= 1
                headers = dict(message.headers or {})
                data = await self._fetch(headers[_OBJECT]) if _OBJECT in headers else message.data
                yield message.subject, Stored(headers, data)
        await reader.unsubscribe()

    async def _fetch(self, url: str) -> bytes:
        """What a message refers to. What is not there is told as such, and is no job's answer."""
        bucket, name = url.removeprefix("nats-object://").split("/")
        try:
            store = await insist(lambda: self._js.object_store(bucket))
            return (await insist(lambda: store.get(name))).data
        except nats.js.errors.NotFoundError:
            return f"there is no object {url}".encode()

    async def _watch(self):
        """Every state that is not written over within a moment; what the proxies see comes on top."""
        config = ConsumerConfig(durable_name="torture", ack_policy="explicit", max_ack_pending=10_000)
        watcher = await insist(lambda: self._js.pull_subscribe("", "torture", stream=_STATES, config=config))
        while True:
            try:
                messages = await watcher.fetch(_BATCH, timeout=1)
            except _BUSY:
                await asyncio.sleep(0.05)
                continue
            for message in messages:
                name = message.subject.rsplit(".", 1)[1]
                if message.data:
                    self._keep(name, message.metadata.sequence.stream, json.loads(message.data)["state"])
                await message.ack()

    def _keep(self, name: str, sequence: int, state: str):
        self.history[name][sequence] = state
        if state in TERMINAL:
            self.ended.add(name)
