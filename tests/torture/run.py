# SPDX-License-Identifier: Apache-2.0
"""One run of the torture, from its plan to its table. `scripts/torture --help` says how to ask for it."""

import argparse
import asyncio
import json
import random
import sys
import time

from customer import Customer
from plan import Plan, make_plan
from points import POINTS
from verify import NONE_ALLOWED, Verdict, verify
from world import PLUGINS, World

CONSUMERS = 3 * len(PLUGINS)
SIZES = {False: (2_000, 56, 95.0), True: (20_000, 520, 900.0)}  # by --long: jobs, kills, seconds
POINT_PATIENCE = 20.0  # for a message to pass a named point
SHOWN = 20  # lines of problems and of notes


def say(text: str):
    print(f"torture: {text}", file=sys.stderr, flush=True)


async def kill_all(world: World, plan: Plan):
    """One after the other, each at its time or, when the last took longer, as soon as can be."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    again = []
    for kill in plan.kills:
        await asyncio.sleep(begun + kill.at - clock())
        if not await world.carry_out(kill, POINT_PATIENCE / 4):
            again.append(kill)
    for kill in again:
        if not await world.carry_out(kill, POINT_PATIENCE):
            say(f"nothing passed {kill.point.name}")


async def torture(plan: Plan, patience: float, keep: bool) -> tuple[Verdict, dict]:
    world = World()
    begun = time.monotonic()
    try:
        await world.start()
        customer = await Customer.connect([world.server.url])
        world.on_seen = customer.saw
        await customer.prepare(CONSUMERS)
        say(f"{len(plan.jobs)} jobs, {len(plan.kills)} kills, seed {plan.seed}, in {world.site.folder}")
        await asyncio.gather(customer.submit_all(plan), kill_all(world, plan))
        await world.restore()
        say(f"all are submitted after {time.monotonic() - begun:.0f} s")
        await customer.until_ended(patience)
        verdict = verify(await customer.gather())
        await customer.close()
    except BaseException:
        await world.close(keep=True)
        say(f"the logs are in {world.site.folder}")
        raise
    verdict.problems += [*world.crashed]
    planned = {kill.point.name for kill in plan.kills if kill.point}
    verdict.problems += [f"nothing died at {name}" for name in sorted(planned - world.passed.keys())]
    await world.close(keep or not verdict.good)
    if keep or not verdict.good:
        say(f"the logs are in {world.site.folder}")
    facts = {
        "seed": plan.seed,
        "kills": sum(world.deaths.values()),
        "kills_by_victim": dict(sorted(world.deaths.items())),
        "points": dict(sorted(world.passed.items())),
        "seconds": round(time.monotonic() - begun, 1),
    }
    return verdict, facts


def show(verdict: Verdict, facts: dict):
    for key, count in verdict.counts.items():
        mark = "  <-- must be 0" if key in NONE_ALLOWED and count else ""
        print(f"{key.replace('_', ' '):<20}{count:>8}{mark}")
    victims = ", ".join(f"{count} {victim}" for victim, count in facts["kills_by_victim"].items())
    print(f"{'kills':<20}{facts['kills']:>8}  {victims}")
    print(f"{'named points':<20}{len(facts['points']):>8}  of {len(POINTS)}")
    print(f"{'seconds':<20}{facts['seconds']:>8}  seed {facts['seed']}")
    for lines in (verdict.problems, verdict.notes):
        for line in lines[:SHOWN]:
            print(f"  {line}")
        if (more := len(lines) - SHOWN) > 0:
            print(f"  and {more} more")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--patience", type=float, default=90)
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    jobs, kills, seconds = SIZES[asked.long]
    seed = random.randrange(1_000_000) if asked.seed is None else asked.seed
    plan = make_plan(seed, asked.jobs or jobs, asked.kills or kills, asked.seconds or seconds)
    verdict, facts = asyncio.run(torture(plan, asked.patience, asked.keep))
    show(verdict, facts)
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump({**verdict.counts, **facts, "problems": verdict.problems, "notes": verdict.notes}, file, indent=2)
            file.write("\n")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
