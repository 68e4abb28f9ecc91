# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests, and what pytest needs to run coroutines and to show logs.

A file says which models its daemon serves in MODELS, and the rest of its configuration in CONFIG;
the fixture `daemon` starts one with them for the whole file, `client` and `shell` talk to it. Where
JETSTREAM is True its server has JetStream. Tests that end or break programs start their own in
`site`.
"""

import asyncio
import inspect
import os

import pytest

from client import Client
from durable import MODELS, Durable, until_served
from harness import Site, children_of, is_running, plugin_folder, wait_until
from shell import Shell

TEST_SECONDS = 150
SITES = pytest.StashKey[list]()


def pytest_configure(config):
    missing = [name for name in ("DARKROOM_BIN", "DARKROOM_PLUGINS") if not os.environ.get(name)]
    if missing:
        raise pytest.UsageError(
            f"{' and '.join(missing)} must name the build's bin and plugins folders"
        )
    config.stash[SITES] = []


def pytest_unconfigure(config):
    for site in config.stash.get(SITES, []):
        site.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a coroutine test on the loop that its client was made on."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    loop = pyfuncitem.funcargs["loop"]
    loop.run_until_complete(asyncio.wait_for(pyfuncitem.obj(**arguments), TEST_SECONDS))
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for site in item.config.stash[SITES]:
            report.sections += [(f"log of {name}", text) for name, text in site.logs()]


def _make_site(config):
    site = Site()
    config.stash[SITES].append(site)
    yield site
    site.close()
    config.stash[SITES].remove(site)


@pytest.fixture
def site(request):
    """An empty place for programs of one test."""
    yield from _make_site(request.config)


@pytest.fixture(scope="module")
def module_site(request):
    yield from _make_site(request.config)


@pytest.fixture(autouse=True)
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    left = asyncio.all_tasks(loop)  # of a test that failed midway
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.close()


def _has_jetstream(request) -> bool:
    return getattr(request.module, "JETSTREAM", False)


@pytest.fixture(scope="module")
def server(request, module_site):
    return module_site.server(jetstream=_has_jetstream(request)).start()


@pytest.fixture(scope="module")
def daemon(request, module_site, server):
    """The file's own daemon; it must end well when asked to, whatever the tests did to it."""
    models = request.module.MODELS
    config = {
        "nats": {"url": server.url},
        "models": models,
        **getattr(request.module, "CONFIG", {}),
    }
    daemon = module_site.daemon(config, "e2e-host").start()
    yield daemon
    code = daemon.stop()
    assert code == 0, f"darkroomd ended with {code}:\n{daemon.log[-8000:]}"


@pytest.fixture
def client(loop, daemon, server):
    client = loop.run_until_complete(Client.connect(server.url))
    yield client
    loop.run_until_complete(client.close())


@pytest.fixture
def js(request, client, loop):
    """JetStream's API, once the daemon has made all that it needs there."""
    js = client.nats.jetstream(timeout=10)
    loop.run_until_complete(until_served(js, request.module.MODELS))
    return js


@pytest.fixture
def shell(request, daemon, server, tmp_path):
    """The command `darkroom`; with JetStream, once there can be jobs, and an input for them."""
    shell = Shell(tmp_path, server.url)
    if _has_jetstream(request):
        request.getfixturevalue("js")
        shell.file("in", b"1")
    return shell


@pytest.fixture
def connect(loop):
    """Makes clients that are closed after the test."""
    clients = []

    async def make(url: str) -> Client:
        clients.append(await Client.connect(url))
        return clients[-1]

    yield make
    for client in clients:
        loop.run_until_complete(client.close())


@pytest.fixture
def serve(site, connect):
    """Starts a server and a daemon of the test's own, and connects. The daemon must end well."""
    daemons = []

    async def start(models: dict, plugins: dict | None = None):
        server = site.server(max_payload=8 << 20).start()
        config = {
            "nats": {"url": server.url},
            "devices": [{"device": "cpu", "lanes": 2}],
            "limits": {"stop_grace": "500ms", "silence": "1s"},
            "plugins": {"folder": str(plugin_folder()), **(plugins or {})},
            "models": models,
        }
        daemons.append(site.daemon(config).start())
        return daemons[-1], await connect(server.url)

    yield start
    for daemon in daemons:
        if not daemon.running():
            continue  # the test's own doing
        workers = children_of(daemon.pid)
        assert daemon.stop() == 0, daemon.log[-8000:]
        wait_until("the workers to be gone", lambda: not any(map(is_running, workers)), 10)


@pytest.fixture
def durable(site, connect):
    """Starts a server and daemons that share its jobs; each must end well if it still runs."""
    daemons = []

    async def start(names=("one",), models=MODELS, jobs=None, **settings):
        server = site.server(jetstream=True).start()
        for name in names:
            config = {
                "nats": {"url": server.url},
                "jobs": {"enabled": True, "ack_wait": "2s", **(jobs or {})},
                "limits": {"stop_grace": "300ms"},
                "models": models,
                **settings,
            }
            daemons.append(site.daemon(config, name).start())
        client = await connect(server.url)
        durable = Durable(client)
        if "manage_streams" not in (jobs or {}):
            await until_served(durable.js, models)
        return durable, server, daemons

    yield start
    for daemon in daemons:
        if daemon.running():
            assert daemon.stop() == 0, daemon.log[-8000:]
