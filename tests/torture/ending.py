# SPDX-License-Identifier: Apache-2.0
"""How a run ends: all its programs do, and what they wrote stays where somebody will look into it."""

from collections.abc import Awaitable

import support  # noqa: F401: finds the end-to-end tests' modules
from harness import Site
from report import say
from verify import Verdict


async def ended(run: Awaitable[tuple[Verdict, dict]], site: Site, keep: bool) -> tuple[Verdict, dict]:
    """What the run comes to. The site's folder stays if asked for, and if anything is wrong."""
    try:
        verdict, facts = await run
        keep = keep or not verdict.good
    except BaseException:
        keep = True
        raise
    finally:
        if keep:
            say(f"the logs are in {site.folder}")
            for program in site.programs:
                program.kill()
        else:
            site.close()
    return verdict, facts
