# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind: no program ever, and its folder only where there is a reason."""

import shutil

import pytest

import support  # noqa: F401: finds the end-to-end tests' modules
from ending import ended
from harness import Site
from verify import Verdict


@pytest.fixture
def site():
    site = Site()
    site.server().start()
    yield site
    shutil.rmtree(site.folder, ignore_errors=True)


def left(site) -> tuple[bool, bool]:
    """Whether its programs run, and whether its folder is there."""
    return any(program.running() for program in site.programs), site.folder.exists()


async def run(*problems: str):
    return Verdict({}, list(problems), []), {"seconds": 1}


@pytest.mark.parametrize(
    "problems, keep, kept", [([], False, False), ([], True, True), (["one is lost"], False, True)]
)
async def test_the_logs_stay_if_asked_for_or_if_something_is_wrong(site, problems, keep, kept):
    verdict, facts = await ended(run(*problems), site, keep)
    assert (verdict.problems, facts) == (problems, {"seconds": 1})
    assert left(site) == (False, kept)


async def test_the_logs_of_a_run_that_broke_off_stay(site):
    async def breaks():
        raise TimeoutError("not ready")

    with pytest.raises(TimeoutError):
        await ended(breaks(), site, keep=False)
    assert left(site) == (False, True)
