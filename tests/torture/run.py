# SPDX-License-Identifier: Apache-2.0
"""One run of the torture, from its plan to its table. `scripts/torture --help` says how to ask for it."""

import asyncio
import sys
import time

from customer import Customer
from ending import ended
from plan import Plan, make_plan
from report import arguments, finish, say
from verify import Verdict, verify
from world import PLUGINS, World

CONSUMERS = 3 * len(PLUGINS)
SIZES = {False: (2_000, 68, 90.0), True: (20_000, 520, 900.0)}  # by --long: jobs, kills, seconds
# For a message to pass a named point; where none did, it is tried again at the end.
PATIENCE = 5.0
LAST_PATIENCE = 30.0


async def kill_all(world: World, plan: Plan):
    """One after the other, each at its time or, when the last took longer, as soon as can be."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    again = []
    for kill in plan.kills:
        await asyncio.sleep(begun + kill.at - clock())
        if not await world.carry_out(kill, PATIENCE):
            again.append(kill)
    for kill in again:
        await world.carry_out(kill, LAST_PATIENCE)


async def torture(world: World, plan: Plan, patience: float) -> tuple[Verdict, dict]:
    begun = time.monotonic()
    try:
        await world.start()
        customer = await Customer.connect([world.server.url])
        world.on_seen = customer.saw
        await customer.prepare(CONSUMERS)
        say(f"{len(plan.jobs)} jobs, {len(plan.kills)} kills, seed {plan.seed}, in {world.site.folder}")
        await asyncio.gather(customer.submit_all(plan), kill_all(world, plan))
        await world.restore()
        await customer.until_ended(patience)
        verdict = verify(await customer.gather())
        await customer.close()
    finally:
        await world.close()
    planned = {kill.point.name for kill in plan.kills if kill.point}
    verdict.problems += world.crashed
    verdict.problems += [f"nothing died at '{name}'" for name in sorted(planned - world.passed.keys())]
    facts = {
        "kills": dict(sorted(world.deaths.items())),
        "named_points": dict(sorted(world.passed.items())),
        "seconds": round(time.monotonic() - begun, 1),
        "seed": plan.seed,
    }
    return verdict, facts


def main() -> int:
    asked = arguments(__doc__)
    jobs, kills, seconds = SIZES[asked.long]
    plan = make_plan(asked.seed, asked.jobs or jobs, asked.kills or kills, asked.seconds or seconds)
    world = World()
    run = torture(world, plan, asked.patience)
    return finish(*asyncio.run(ended(run, world.site, asked.keep)), asked.json)


if __name__ == "__main__":
    sys.exit(main())
