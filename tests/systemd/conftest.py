# SPDX-License-Identifier: Apache-2.0
"""One machine for a file of tests; each begins with no daemon and an empty nats-server."""

import pytest

import machine as machines


@pytest.fixture(scope="module")
def booted():
    if reason := machines.why_not():
        pytest.skip(reason)
    machine = machines.Machine()
    try:
        yield machine.boot()
    finally:
        machine.close()


@pytest.fixture
def machine(booted, request):
    booted.reset()
    yield booted
    booted.systemctl("stop", "darkroomd.service", check=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("booted")
    if report.failed and machine is not None:
        report.sections += [(path.name, path.read_text(errors="replace")[-5000:])
                            for path in machine.folder.glob("*.log")]
