# SPDX-License-Identifier: Apache-2.0
"""Three nats-servers in a cluster, each stream on all of them; one at a time is killed under load."""

import asyncio
import collections
import random
import sys
import time

import support  # noqa: F401: finds the end-to-end tests' modules
from customer import Customer, insist
from ending import ended
from harness import NatsServer, Site, free_port
from plan import Plan, make_plan
from report import arguments, finish, say
from verify import Verdict, verify
from world import PLUGINS, configuration, kill, until_ready

NODES = 3
JOBS, KILLS, SECONDS = 700, 8, 36.0
HOSTS = ("one", "two")
STREAMS = ("DARKROOM_JOBS", "DARKROOM_RESULTS", "KV_darkroom-jobs")


class Node(NatsServer):
    def __init__(self, folder, name: str, routes: list[int], own: int):
        super().__init__(folder, jetstream=True)
        peers = ", ".join(f"nats://127.0.0.1:{port}" for port in routes)
        with open(self.settings, "a") as settings:
            settings.write(f"server_name: {name}\n")
            settings.write(f"cluster {{ name: torture, listen: 127.0.0.1:{own}, routes: [{peers}] }}\n")
        self.name = name


class Cluster:
    def __init__(self, site: Site):
        ports = [free_port() for _ in range(NODES)]
        self.nodes = [Node(site.path(f"n{at}"), f"n{at}", ports, port) for at, port in enumerate(ports)]
        site.programs += self.nodes

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    async def start(self):
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            await until_ready(node)


async def whole(customer: Customer, streams=STREAMS):
    """Waits until every stream has a leader, and the other nodes all that it has."""
    for stream in streams:
        while not await insist(lambda: customer.is_whole(stream, NODES)):  # noqa: B023
            await asyncio.sleep(0.1)


async def kill_nodes(cluster: Cluster, customer: Customer, chance: random.Random, kills: int, seconds: float):
    """Every other time the leader of a stream, else any. The next one when all is whole again."""
    deaths = collections.Counter()
    for number in range(kills):
        await asyncio.sleep(seconds / kills * chance.uniform(0.2, 0.8))
        leader = await insist(lambda: customer.leader(STREAMS[number // 2 % len(STREAMS)]))  # noqa: B023
        name = leader if number % 2 == 0 and leader else chance.choice(cluster.nodes).name
        node = next(node for node in cluster.nodes if node.name == name)
        kill(node)
        deaths["leader" if name == leader else "node"] += 1
        await asyncio.sleep(chance.uniform(0.5, 2))
        await until_ready(node.launch())
        await whole(customer)
    return deaths


async def torture(site: Site, plan: Plan, kills: int, patience: float) -> tuple[Verdict, dict]:
    begun = time.monotonic()
    cluster = Cluster(site)
    await cluster.start()
    daemons = [site.daemon(configuration(cluster.urls, replicas=NODES), name) for name in HOSTS]
    for daemon in daemons:
        await until_ready(daemon.launch())
    customer = await Customer.connect(cluster.urls, NODES)
    await customer.prepare(3 * len(PLUGINS))
    await whole(customer)
    say(f"{len(plan.jobs)} jobs, {kills} kills, seed {plan.seed}, in {site.folder}")
    dying = kill_nodes(cluster, customer, random.Random(plan.seed), kills, plan.seconds)
    deaths, _ = await asyncio.gather(dying, customer.submit_all(plan))
    await customer.until_ended(patience)
    verdict = verify(await customer.gather())
    await customer.close()
    return verdict, {"kills": dict(deaths), "seconds": round(time.monotonic() - begun, 1), "seed": plan.seed}


def main() -> int:
    asked = arguments(__doc__)
    longer = 5 if asked.long else 1
    seconds = asked.seconds or SECONDS * longer
    plan = make_plan(asked.seed, asked.jobs or JOBS * longer, 0, seconds)
    site = Site()
    run = torture(site, plan, asked.kills or KILLS * longer, asked.patience)
    return finish(*asyncio.run(ended(run, site, asked.keep)), asked.json)


if __name__ == "__main__":
    sys.exit(main())
