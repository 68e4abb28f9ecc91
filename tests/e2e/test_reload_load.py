# SPDX-License-Identifier: Apache-2.0
"""Ten reloads under load: each request and each durable job is answered exactly once."""

import asyncio
import json
from collections import Counter

from client import until
from durable import Durable, until_served

RELOADS = 10
NO_RESPONDERS = "503"
ROOM = {"queue": 100000}  # on a slow machine nothing is to be busy


class Requests:
    """Requests whose answers go to subjects of their own, where every one of them is counted."""

    def __init__(self, client):
        self.nats = client.nats
        self.sent = 0
        self.answers: dict[int, list] = {}

    async def listen(self):
        async def heard(message):
            number = int(message.subject.split(".")[1])
            headers = message.headers or {}
            status = NO_RESPONDERS if headers.get("Status") == NO_RESPONDERS else headers.get("Nats-Service-Error")
            self.answers.setdefault(number, []).append((status, message.data))

        await self.nats.subscribe("answers.*", cb=heard)
        await self.nats.flush()

    async def send(self, subject: str):
        self.sent += 1
        await self.nats.publish(subject, b"%d" % self.sent, reply=f"answers.{self.sent}",
                                headers={"Darkroom-Params": '{"echo": true, "delay_ms": 3}'})
        return self.sent

    async def all_answered(self):
        return len(self.answers) == self.sent


def configuration(number: int, site) -> dict:
    """The models and routes of the reload of that number: something of each kind changes in each."""
    odd = number % 2 == 1
    made = site.folder / f"weights-{number}"
    made.write_text(str(number))
    models = {
        "stays": {"plugin": "mock", "preload": True, **ROOM},
        # Made otherwise, beside what it was.
        "made": {"plugin": "mock", "weights": str(made), "options": {"load_delay_ms": number}, **ROOM},
        # Changed where it is.
        "asked": {"plugin": "mock", "params": {"seed": number}, "deadline": f"{60 + number}s", **ROOM},
        # There in every second one.
        **{"comes" if odd else "goes": {"plugin": "mock", **ROOM}},
    }
    routes = [
        {"subject": "to.one", "model": "stays" if odd else "made"},
        {"subject": "to.group", "model": "asked", "queue_group": f"group-{number}"},
        {"subject": f"to.{'odd' if odd else 'even'}", "model": "comes" if odd else "goes"},
        # The same subject by another way.
        {"subject": "many.*.way" if odd else "many.>", "model": "stays"},
    ]
    return {"models": models, "routes": routes}


ALWAYS = ("darkroom.run.stays", "darkroom.run.made", "darkroom.run.asked", "to.one", "to.group", "many.a.way")
AT_TIMES = ("darkroom.run.comes", "darkroom.run.goes", "to.odd", "to.even")
DURABLE = ("stays", "made", "asked", "comes", "goes")


async def test_each_job_is_answered_exactly_once(site, connect):
    server = site.server(jetstream=True).start()
    config = {"nats": {"url": server.url}, "jobs": {"enabled": True, "ack_wait": "5s"},
              "devices": [{"device": "cpu", "lanes": 3}], **configuration(0, site)}
    daemon = site.daemon(config, "one").start()
    client = await connect(server.url)
    durable = Durable(client)
    await until_served(durable.js, config["models"])
    requests = Requests(client)
    await requests.listen()
    over = asyncio.Event()
    always, jobs = [], []

    async def send():
        while not over.is_set():
            for subject in ALWAYS:
                always.append(await requests.send(subject))
            for subject in AT_TIMES:
                await requests.send(subject)
            daemon.read_notices()  # as systemd does: the daemon waits a second for whoever does not
            await asyncio.sleep(0.02)

    async def submit():
        while not over.is_set():
            for model in DURABLE:
                jobs.append((model, f"{model}-{len(jobs)}"))
                await durable.submit(model, b"x", jobs[-1][1], params={"delay_ms": 3})
            await asyncio.sleep(0.1)

    load = asyncio.gather(send(), submit())
    for number in range(1, RELOADS + 1):
        daemon.config_path.write_text(json.dumps({**config, **configuration(number, site)}))
        reply = await client.request("darkroom.control.reconfigure",
                                     json.dumps({"host": "one", "wait": True}).encode())
        answer = reply.json()
        assert answer["failed"] == [] and answer["models"]["added"] and answer["models"]["removed"]
        assert {change["name"] for change in answer["models"]["changed"]} == {"made", "asked"}
        assert all(answer["routes"].values()), answer["routes"]

        async def more():
            return len(jobs) > 5 * number and len(always) > 20 * number

        await until("more load", more)
    # What waits for a model that is not there now is run when it is.
    models = configuration(0, site)["models"] | configuration(1, site)["models"]
    last = configuration(1, site) | {"models": models}
    daemon.config_path.write_text(json.dumps({**config, **last}))
    over.set()
    await load
    await client.request("darkroom.control.reconfigure", b'{"all": true, "wait": true}')

    await until("every request to be answered", requests.all_answered)
    ends = Counter([(await durable.ended(job))["state"] for _, job in jobs])
    assert ends == {"succeeded": len(jobs)}
    for model, job in jobs:
        await durable.reply(model, job)  # exactly one
    # Of those that come late there would be more by now.
    twice = {number: got for number, got in requests.answers.items() if len(got) != 1}
    assert not twice, twice
    for number in always:
        assert requests.answers[number] == [(None, b"%d" % number)]
    others = Counter(got[0][0] for number, got in requests.answers.items() if number not in set(always))
    assert set(others) <= {None, NO_RESPONDERS}, others
    assert others[None] > 0 and others[NO_RESPONDERS] > 0
    assert len(jobs) > 50 and len(always) > 200
    assert daemon.stop() == 0
