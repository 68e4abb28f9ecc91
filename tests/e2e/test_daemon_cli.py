# SPDX-License-Identifier: Apache-2.0
"""darkroomd as an operator meets it: arguments, --check, systemd, the embedded nats-server."""

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path

import nats.js.errors
import pytest

from client import until
from durable import Durable
from harness import (
    REPOSITORY,
    children_of,
    daemon_path,
    deps,
    free_port,
    is_running,
    plugin_folder,
    wait_until,
)

EX_CONFIG = 78
ECHO = {"echo": {"plugin": "echo"}}


def darkroomd(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [daemon_path(), *map(str, arguments)], capture_output=True, text=True, timeout=60, **options
    )


def test_version():
    result = darkroomd("--version")
    (version,) = re.findall(
        r"project\(darkroom VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text()
    )
    assert result.returncode == 0 and version in result.stdout


def test_help():
    result = darkroomd("--help")
    assert result.returncode == 0
    for option in ("--config", "--check", "--version"):
        assert option in result.stdout


def test_an_unknown_option_is_an_error():
    result = darkroomd("--nonsuch")
    assert result.returncode != 0 and "--nonsuch" in result.stderr


GOOD = f"""\
nats:
  url: nats://127.0.0.1:4222
state_dir: state
plugins:
  folder: {plugin_folder() if "DARKROOM_PLUGINS" in os.environ else "."}
models:
  echo:
    plugin: echo
    queue: 16
    deadline: 30s
routes:
  - subject: mirror.*
    model: echo
"""


def check(folder: Path, text: str) -> subprocess.CompletedProcess:
    path = folder / "darkroom.yaml"
    path.write_text(text)
    return darkroomd("--config", path, "--check")


def test_check_of_a_good_file(tmp_path):
    result = check(tmp_path, GOOD)
    assert result.returncode == 0, result.stderr


def test_check_of_the_shipped_file():
    result = darkroomd("--config", REPOSITORY / "config" / "darkroom.yaml", "--check")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "old, new, line, names",
    [
        ("queue: 16", "queue: many", 9, "queue"),
        ("queue: 16", "queue: -1", 9, "queue"),
        ("queue: 16", "queues: 16", 9, "queues"),
        ("deadline: 30s", "deadline: 30 apples", 10, "deadline"),
        ("    plugin: echo\n", "", 8, "plugin"),
        ("model: echo", "model: nonsuch", 12, "nonsuch"),
        ("subject: mirror.*", "subject: mirror..x", 12, "mirror..x"),
        ("subject: mirror.*", 'subject: "a.>.b"', 12, "a.>.b"),
        ("state_dir: state", "stat_dir: state", 3, "stat_dir"),
        ("  url: nats://127.0.0.1:4222", "  - url", 2, "nats"),
        ("state_dir: state", "state_dir: state\nstate_dir: state", 4, "state_dir"),
    ],
)
def test_check_names_file_line_and_column(tmp_path, old, new, line, names):
    assert old in GOOD
    result = check(tmp_path, GOOD.replace(old, new, 1))
    assert result.returncode == EX_CONFIG, result.stderr
    places = re.findall(r"(\S*darkroom\.yaml):(\d+):(\d+): (.*)", result.stderr)
    assert any(
        int(found) == line and names in words for _, found, _, words in places
    ), result.stderr


def test_check_shows_the_line_and_what_was_meant(tmp_path):
    result = check(tmp_path, GOOD.replace("    queue: 16", "    queus: 16"))
    assert result.returncode == EX_CONFIG
    assert "(did you mean 'queue'?)" in result.stderr
    assert "     9 |     queus: 16\n       |     ^\n" in result.stderr


def test_check_reads_the_fragments_beside_the_file(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-more.yaml").write_text("models: {more: {plugin: echo}}\n")
    result = check(tmp_path, GOOD)
    assert result.returncode == 0 and "2 models" in result.stdout
    (tmp_path / "conf.d" / "20-wrong.yaml").write_text("models:\n  more: {queue: many}\n")
    result = check(tmp_path, GOOD.replace("queue: 16", "queue: few"))
    assert result.returncode == EX_CONFIG
    assert "conf.d/20-wrong.yaml:2:17: models.more.queue" in result.stderr
    assert "darkroom.yaml:9:12: models.echo.queue" in result.stderr


def test_check_tells_of_all_routes_whose_params_are_wrong(tmp_path):
    routes = "".join(
        f"  - {{subject: a.{n}, model: mock, params: {{nonsuch_{n}: 1}}}}\n" for n in range(3)
    )
    text = GOOD.replace("routes:\n", "routes:\n" + routes)
    result = check(tmp_path, text.replace("routes:\n", "  mock: {plugin: mock}\nroutes:\n"))
    assert result.returncode == EX_CONFIG
    assert [n for n in range(3) if f"nonsuch_{n}" in result.stderr] == [0, 1, 2], result.stderr


def test_check_says_where_params_are_wrong(tmp_path):
    text = GOOD.replace(
        "routes:\n",
        "  mock:\n    plugin: mock\n    params:\n      seed: 1\n      delay_ms: never\n"
        "  mock-2: {plugin: mock, params: {nonsuch: 1}}\n"
        "  mock-3: {plugin: mock}\n"
        "routes:\n"
        "  - subject: a.1\n    model: mock-3\n    params: {seed: 1, fail: 7}\n"
        "  - {subject: a.2, model: mock}\n",
    )
    result = check(tmp_path, text)
    assert result.returncode == EX_CONFIG
    found = re.findall(r"darkroom\.yaml:(\d+):(\d+): \w+: params of '([^']+)'", result.stderr)
    # Of `mock` once, and not again of the route to it.
    assert found == [
        ("15", "7", "darkroom.run.mock"),
        ("16", "35", "darkroom.run.mock-2"),
        ("21", "23", "a.1"),
    ], result.stderr
    assert "    15 |       delay_ms: never\n       |       ^" in result.stderr


def test_check_names_the_fragment_of_a_param(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-mock.yaml").write_text("models:\n  mock: {plugin: mock, params: {nonsuch: 1}}\n")
    result = check(tmp_path, GOOD)
    assert result.returncode == EX_CONFIG
    assert "conf.d/10-mock.yaml:2:33: " in result.stderr


def test_check_replaces_references(tmp_path):
    text = GOOD.replace("nats://127", "nats://ada:${DARKROOM_TEST_PASSWORD}@127")
    path = tmp_path / "darkroom.yaml"
    path.write_text(text.replace("queue: 16", "queue: ${DARKROOM_TEST_QUEUE}"))
    result = darkroomd("--config", path, "--check")
    assert result.returncode == EX_CONFIG
    assert len(re.findall(r"this environment variable is not set", result.stderr)) == 2
    secret = {"DARKROOM_TEST_PASSWORD": "hunter2", "DARKROOM_TEST_QUEUE": "hunter3"}
    result = darkroomd("--config", path, "--check", env={**os.environ, **secret})
    assert result.returncode == EX_CONFIG and "${DARKROOM_TEST_QUEUE}" in result.stderr
    assert "hunter" not in result.stdout + result.stderr
    secret["DARKROOM_TEST_QUEUE"] = "5"
    result = darkroomd("--config", path, "--check", env={**os.environ, **secret})
    assert result.returncode == 0, result.stderr


def test_check_tells_all_that_is_wrong(tmp_path):
    text = (
        GOOD.replace("queue: 16", "queue: many")
        .replace("model: echo", "model: nonsuch")
        .replace("30s", "soon")
    )
    result = check(tmp_path, text)
    assert result.returncode == EX_CONFIG
    lines = {int(line) for line in re.findall(r"darkroom\.yaml:(\d+):\d+: ", result.stderr)}
    assert lines == {9, 10, 12}, result.stderr


@pytest.mark.parametrize(
    "text", ["models: [", "\tmodels:", "a: b: c", "just words", "\0\1\2", "&a [*a]"]
)
def test_check_of_what_is_not_a_configuration(tmp_path, text):
    result = check(tmp_path, text)
    assert result.returncode == EX_CONFIG, result.stderr
    assert re.search(r"darkroom\.yaml:\d+:\d+: ", result.stderr), result.stderr


def test_check_of_a_file_that_is_missing(tmp_path):
    result = darkroomd("--config", tmp_path / "nowhere.yaml", "--check")
    assert result.returncode == EX_CONFIG and "nowhere.yaml" in result.stderr


def test_a_wrong_file_does_not_start(tmp_path):
    (tmp_path / "darkroom.yaml").write_text("nonsuch: 1\n")
    assert darkroomd("--config", tmp_path / "darkroom.yaml").returncode == EX_CONFIG


# ---- systemd -------------------------------------------------------------------------------------


async def test_ready_is_told_when_requests_are_served(site, connect):
    server = site.server()
    daemon = site.daemon(
        {"nats": {"url": server.url}, "models": {"echo": {"plugin": "echo", "preload": True}}}
    ).launch()
    with pytest.raises(TimeoutError):  # there is no server yet, so nobody can be served
        wait_until("READY=1 without a server", daemon.ready, seconds=2)
    server.start()
    await asyncio.to_thread(wait_until, "READY=1", daemon.ready)
    client = await connect(server.url)
    assert (await client.run("echo", b"1")).ok().data == b"1"
    assert "STOPPING=1" not in daemon.read_notices()
    assert await asyncio.to_thread(daemon.stop) == 0
    notices = daemon.read_notices()
    assert notices.index("READY=1") < notices.index("STOPPING=1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_and_leaves_nothing_behind(site, number):
    server = site.server().start()
    daemon = site.daemon({"nats": {"url": server.url}, "models": ECHO}).start()
    children = children_of(daemon.pid)
    daemon.send(number)
    assert daemon.wait() == 0
    assert not [child for child in children if is_running(child)]


def test_it_can_be_stopped_before_its_server_was_ever_there(site):
    daemon = site.daemon(
        {"nats": {"url": f"nats://127.0.0.1:{free_port()}"}, "models": ECHO}
    ).launch()
    wait_until("the daemon's first words", lambda: daemon.log)
    assert daemon.stop() == 0


# ---- The embedded server -------------------------------------------------------------------------


NATS_SERVER = deps() / "bin" / "nats-server"


def embedded(site, port: int, server: Path = NATS_SERVER):
    return site.daemon(
        {
            "nats": {
                "embedded": True,
                "server": str(server),
                "port": port,
                "max_payload": "4MiB",
            },
            "models": ECHO,
        }
    )


def nats_server_of(daemon) -> int | None:
    for child in children_of(daemon.pid):
        try:
            if "nats-server" in Path(f"/proc/{child}/cmdline").read_bytes().decode():
                return child
        except OSError:  # it has ended since it was listed
            continue
    return None


async def test_the_embedded_server_is_private_and_ends_with_the_daemon(site, connect):
    port = free_port()
    daemon = embedded(site, port).start()
    child = nats_server_of(daemon)
    client = await connect(f"nats://127.0.0.1:{port}")
    assert (await client.run("echo", b"1")).ok().data == b"1"
    status = await client.control("status")
    assert str(port) in status["nats"]["url"] and status["nats"]["max_payload"] == 4 << 20
    assert client.nats.max_payload == 4 << 20
    jobs = Durable(client)

    async def accepted():
        try:
            return await jobs.submit("echo", b"2", "durable")
        except nats.js.errors.NoStreamResponseError:
            return None  # the daemon is about to make it

    await until("durable jobs to be there", accepted)
    assert (await jobs.ended("durable"))["state"] == "succeeded"
    listening = re.findall(
        r"^ *\d+: (\w+):(\w+) \w+:\w+ 0A", Path(f"/proc/{child}/net/tcp").read_text(), re.MULTILINE
    )
    assert [address for address, number in listening if int(number, 16) == port] == [
        "0100007F"
    ], "not loopback alone"
    assert any(
        (daemon.folder / "state").rglob("jetstream*")
    ), "JetStream's store is in the state folder"
    await client.close()
    assert await asyncio.to_thread(daemon.stop) == 0
    assert not is_running(child)


async def test_the_embedded_server_is_started_again_when_it_is_killed(site, connect):
    port = free_port()
    daemon = embedded(site, port).start()
    client = await connect(f"nats://127.0.0.1:{port}")
    for _ in range(2):
        child = nats_server_of(daemon)
        os.kill(child, signal.SIGKILL)

        async def another():
            return nats_server_of(daemon) not in (None, child)

        await until("another nats-server", another)

        async def answered():
            try:
                return (await client.run("echo", b"1", timeout=1)).code == "ok"
            except Exception:  # not connected, nobody there yet, or lost on the way
                return False

        await until("requests to be answered again", answered)
    assert await asyncio.to_thread(daemon.stop) == 0


async def test_the_embedded_server_is_tried_until_it_starts(site, connect, tmp_path):
    """As while its package is being upgraded: the file is not there for a moment."""
    port = free_port()
    server = tmp_path / "nats-server"
    server.symlink_to(NATS_SERVER)
    daemon = embedded(site, port, server).start()
    server.unlink()
    os.kill(nats_server_of(daemon), signal.SIGKILL)

    async def tried_twice():
        return daemon.log.count("cannot run nats-server") >= 2

    await until("two attempts", tried_twice)
    server.symlink_to(NATS_SERVER)
    client = await connect(f"nats://127.0.0.1:{port}")

    async def answered():
        try:
            return (await client.run("echo", b"1", timeout=1)).code == "ok"
        except Exception:  # nobody there yet
            return False

    await until("requests to be answered again", answered)
    assert await asyncio.to_thread(daemon.stop) == 0


async def test_a_free_port_is_found_and_told(site, connect):
    daemon = embedded(site, 0).start()
    url, *_ = re.findall(r"nats://127\.0\.0\.1:[1-9]\d*", daemon.log)
    client = await connect(url)
    assert (await client.control("status"))["nats"]["url"] == url


def test_the_embedded_server_does_not_outlive_a_killed_daemon(site):
    daemon = embedded(site, free_port()).start()
    child = nats_server_of(daemon)
    daemon.send(signal.SIGKILL)
    daemon.wait()
    wait_until("the orphan to end", lambda: not is_running(child), seconds=20)


def test_a_server_binary_that_is_missing_is_told(site):
    daemon = site.daemon(
        {"nats": {"embedded": True, "server": "/nonexistent/nats-server"}, "models": ECHO}
    ).launch()
    assert daemon.wait(30) not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert "/nonexistent/nats-server" in daemon.log
