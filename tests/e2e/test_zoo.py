# SPDX-License-Identifier: Apache-2.0
"""The zoo of bad plugins (tests/bad-plugins), all in one daemon.

Whatever a plugin does, whoever asked is answered, echo's requesters notice nothing, the daemon goes
on, and the same plugin's next good job is done.
"""

import contextlib
import re
import time

import pytest

from beside import undisturbed, worker_pid
from harness import (
    bad_plugin_path,
    children_of,
    is_running,
    is_sanitized,
    plugin_folder,
    wait_until,
)

# What the answer to any request says. hangs_in_ctor and hangs_in_create are not here: a daemon that
# starts waits for them (test_crash_opening.py).
REFUSED = {
    "no_manifest": "no manifest",
    "wrong_major": "ABI 99.0",
    "truncated": "truncated",
    # Below a sanitizer's dlopen() nothing can be caught.
    "throws_in_ctor": "killed by SIGABRT" if is_sanitized() else "no such thing",
    "aborts_in_ctor": "killed by SIGABRT",
    "aborts_in_create": "does not stay up: its worker was killed by SIGABRT",
    "entry_returns_null": "entry failed",
}
# What ends the worker, as the job's history tells it. A sanitizer turns the signal into an exit, and
# looks for leaks at an exit, which the sandbox denies it.
SEGV = "exited with code 1" if is_sanitized() else "killed by SIGSEGV"
ENDS = {
    "aborts": "killed by SIGABRT",
    "crashes": SEGV,
    "exits": "exited with code 1" if is_sanitized() else "exited with code 0",
    "stack_overflow": SEGV,
    "closes_fds": "(exited with code 0|closed its socket)",
    "writes_to_fds": "sent what no worker sends",
}
NEVER_ENDS = ["hangs", "ignores_cancel", "stops"]
# Answered by the host in the worker, which lives on: a code, its words, what the log says.
CONTAINED = {
    "finishes_twice": ("ok", "", "called finish() on a job that has ended"),
    "never_finishes": ("internal", "without its output", "ended a job well without its output"),
    "throws": ("internal", "out of ideas", "let an exception out of infer"),
    "huge_output": ("resource_exhausted", "1099511627776 bytes", ""),
}
SANDBOXED = ["forks", "opens_socket", "overwrites_itself", "reads_secret"]
# Bad for the process that they are in. Here that is their own.
HARMLESS = ["exports_too_much", "leaks_fd", "leaks_thread", "tls_pins", "unique_symbol"]
HARMLESS += [
    name for name in ("torch_library", "torch_library_2") if bad_plugin_path(name).exists()
]
# How saves_badly does; what it is to go on from is in test_resume.py.
SAVES_BADLY = ["fails", "throws", "endless"]
OTHERS = ["saves_badly", "eats_memory", "floods_log", "nan_progress", "slow_load", "writes_stdout"]

MEMBERS = [*REFUSED, *ENDS, *NEVER_ENDS, *CONTAINED, *SANDBOXED, *HARMLESS, *OTHERS]
GRACE = 0.5
REFUSALS = ("Operation not permitted", "Permission denied")


@pytest.fixture(scope="module")
def daemon(module_site, server):
    """All of them. At the end it ends well, and so do its workers."""
    config = {
        "nats": {"url": server.url},
        "limits": {"stop_grace": "500ms", "silence": "2s"},
        "jobs": {"save_every": "20ms"},
        # Each model has one lane to itself to block, and echo has both.
        "devices": [{"device": "cpu", "lanes": 2}],
        "plugins": {
            "folder": str(plugin_folder()),
            "each": {"eats_memory": {"memory": "1GiB"}},
        },
        "models": {
            "echo": {"plugin": "echo", "instances": 2},
            **{member: {"plugin": str(bad_plugin_path(member))} for member in MEMBERS},
        },
    }
    if is_sanitized():
        del config["plugins"]["each"]  # there the address space is taken before the first byte is
    daemon = module_site.daemon(config, "e2e-host").start()
    yield daemon
    workers = children_of(daemon.pid)
    code = daemon.stop()
    assert code == 0, f"darkroomd ended with {code}:\n{daemon.log[-8000:]}"
    assert len(workers) > len(MEMBERS) - len(REFUSED)
    wait_until("the workers to be gone", lambda: not any(map(is_running, workers)), 10)


@pytest.fixture(autouse=True)
def the_daemon_goes_on(loop, client, daemon):
    yield
    assert daemon.running(), "the daemon ended"
    assert loop.run_until_complete(client.control("status"))["pid"] == daemon.pid
    wait_until("ended workers to be reaped", lambda: all(map(is_running, children_of(daemon.pid))))


async def others_pids(client, member: str) -> dict[str, int]:
    instances = (await client.control("ps"))["instances"]
    return {one["model"]: one["pid"] for one in instances if one["model"] != member}


@contextlib.asynccontextmanager
async def others_undisturbed(client, member: str):
    """Beside what is done to the member echo is served, and nobody else's worker is lost."""
    before = await others_pids(client, member)
    async with undisturbed(client):
        yield
    assert await others_pids(client, member) == before


async def harm(client, member: str, body: bytes = b"bad", **headers):
    """The answer to a bad request. After it a good one is served."""
    async with others_undisturbed(client, member):
        reply = await client.run(member, body, **headers)
        assert (await client.run(member, b"good")).ok().data == b"good"
    return reply


@pytest.mark.parametrize("member", REFUSED)
async def test_what_cannot_be_opened_is_refused(client, member):
    async with others_undisturbed(client, member):
        reply = await client.run(member, b"good")
    reply.failed("failed_precondition")
    assert REFUSED[member] in reply.error["message"], reply.error
    model = await client.model(member)
    assert model["state"] == "failed"
    assert model["error"]["message"] == reply.error["message"]


@pytest.mark.parametrize("member", ENDS)
async def test_what_ends_its_worker_is_tried_three_times(client, member):
    before = await worker_pid(client, member)
    reply = await harm(client, member)
    reply.failed("instance_lost")
    words = reply.error["message"]
    assert reply.headers["Darkroom-Attempts"] == "3"
    assert "tried 3 times" in words
    assert len(re.findall(rf"\d: its worker [^;]*{ENDS[member]}", words)) == 3, words
    assert await worker_pid(client, member) not in (0, before)


@pytest.mark.parametrize("member", NEVER_ENDS)
async def test_what_does_not_end_is_ended_after_its_deadline(client, member):
    (await client.run(member, b"good")).ok()
    before = await worker_pid(client, member)
    start = time.monotonic()
    async with others_undisturbed(client, member):
        reply = await client.run(member, b"bad", Darkroom_Deadline="1s")
        took = time.monotonic() - start
        assert (await client.run(member, b"good")).ok().data == b"good"
    reply.failed("deadline_exceeded")
    assert "its worker was ended" in reply.error["message"]
    assert 1 + GRACE <= took < 1 + GRACE + 2
    assert await worker_pid(client, member) not in (0, before)


@pytest.mark.parametrize("member", CONTAINED)
async def test_what_the_host_contains_costs_no_worker(client, daemon, member):
    code, words, logged = CONTAINED[member]
    before = await worker_pid(client, member)
    reply = await harm(client, member)
    assert reply.code == code
    if code == "ok":
        assert reply.data == b"bad"
    else:
        assert words in reply.error["message"], reply.error
    assert reply.headers["Darkroom-Attempts"] == "1"
    assert re.search(rf"{member}: .*{re.escape(logged)}", daemon.log)
    assert await worker_pid(client, member) == before


def skip_without_landlock(daemon):
    if "Landlock is not available" in daemon.log:
        pytest.skip("this kernel has no Landlock")


async def test_no_processes_are_started(client, daemon):
    assert (await harm(client, "forks")).ok().data.decode() in REFUSALS


async def test_no_connections_are_made(client, server):
    reply = await harm(client, "opens_socket", f"bad {server.port}".encode())
    assert reply.ok().data.decode() in REFUSALS


async def test_the_plugins_own_file_stays_whole(client, daemon):
    skip_without_landlock(daemon)
    assert (await harm(client, "overwrites_itself")).ok().data.decode() in REFUSALS
    (staged,) = (daemon.folder / "state").rglob("overwrites_itself-*.so")
    assert staged.read_bytes() == bad_plugin_path("overwrites_itself").read_bytes()


async def test_no_other_files_are_read(client, daemon, module_site):
    skip_without_landlock(daemon)
    secret = module_site.folder / "secret.txt"
    secret.write_text("the number of the safe is 4711")
    inside_the_daemon = [f"/proc/{daemon.pid}/{name}" for name in ("environ", "mem", "maps")]
    for path in [secret, daemon.config_path, "/etc/shadow", "/etc/passwd", *inside_the_daemon]:
        reply = await client.run("reads_secret", f"read {path}".encode())
        assert reply.ok().data.decode() in REFUSALS, path
    (await harm(client, "reads_secret", f"read {secret}".encode())).ok()


@pytest.mark.parametrize("member", HARMLESS)
async def test_what_is_bad_for_a_process_works_in_its_own(client, member):
    before = await worker_pid(client, member)
    assert (await harm(client, member)).ok().data == b"bad"
    assert await worker_pid(client, member) == before


async def test_a_load_that_takes_long_holds_up_nobody_else(client):
    async with others_undisturbed(client, "slow_load"):
        reply = (await client.run("slow_load", b"first")).ok()
    assert reply.data == b"first"
    assert float(reply.headers["Darkroom-Load-Ms"]) >= 2900


async def test_what_is_printed_goes_to_the_log(client, daemon):
    assert (await harm(client, "writes_stdout")).ok().data == b"bad"
    for stream in ("output", "error"):
        wait_until("the line", lambda: f"printed: a line on standard {stream}\n" in daemon.log)


async def test_a_flood_of_log_lines_is_cut(client, daemon):
    before = daemon.log_path.stat().st_size
    for _ in range(3):
        assert (await harm(client, "floods_log")).ok().data == b"bad"
    wait_until("the log to say so", lambda: re.search(r"floods_log.* dropped\n", daemon.log))
    assert daemon.log_path.stat().st_size - before < 1 << 20
    assert "floods_log: line 0\n" in daemon.log


async def test_progress_that_is_no_number_reaches_nobody(client):
    heard = await client.nats.subscribe("darkroom.progress.nan")
    await client.nats.flush()
    reply = await harm(client, "nan_progress", Darkroom_Progress="1", Darkroom_Job="nan")
    assert reply.ok().data == b"bad"
    for _ in range(heard.pending_msgs):
        words = (await heard.next_msg()).data.decode()
        assert re.search(r'"fraction":(0|1|0\.\d+|1\.0)[,}]', words), words
    await heard.unsubscribe()


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's own memory counts")
async def test_memory_has_a_limit(client, daemon):
    peak = daemon.peak_memory()
    reply = await harm(client, "eats_memory")
    reply.failed("resource_exhausted", "instance_lost")
    if reply.code == "resource_exhausted":
        assert re.search(r"no memory after \d{8,10} bytes", reply.error["message"])
    assert daemon.peak_memory() - peak < 64 << 20



@pytest.mark.parametrize("how", SAVES_BADLY)
async def test_what_cannot_save_where_it_is_goes_on_without(client, daemon, how):
    before = await worker_pid(client, "saves_badly")
    reply = (await harm(client, "saves_badly", f"bad {how}".encode())).ok()
    assert reply.data == f"bad {how}".encode()
    assert reply.headers["Darkroom-Attempts"] == "1"
    assert await worker_pid(client, "saves_badly") == before
    assert 1 <= daemon.log.count("goes on without a state: ") <= 2, "once of an instance"
