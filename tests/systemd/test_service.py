# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: the real unit, the real programs, a real systemd."""

import asyncio
import os
import re
import signal
import time

import nats
import pytest

from client import Client, until
from durable import Durable, until_served
from harness import children_of, wait_until
from machine import SOURCE, URL

MODELS = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock"}}
CONFIG = {"nats": {"url": URL}, "models": MODELS, "http": {"listen": "off"}}
HANG = "[Service]\nWatchdogSec=2\n"


def with_client(what, url: str = URL, **options):
    """Runs the coroutine function `what` with a client, on a loop of its own."""

    async def run():
        client = Client(await nats.connect(url, connect_timeout=10, **options))
        try:
            return await asyncio.wait_for(what(client), 60)
        finally:
            await client.close()

    return asyncio.run(run())


async def echo(client, model="echo"):
    reply = (await client.run(model, b"hello")).ok()
    assert reply.data == b"hello"


def start(machine, config=None):
    machine.configure(config or CONFIG)
    machine.systemctl("start", "nats-server", "darkroomd")


def test_it_is_ready_when_it_serves_and_not_before(machine):
    machine.configure(CONFIG)
    machine.systemctl("start", "--no-block", "darkroomd")
    wait_until("the daemon to wait for its server", lambda: "no NATS server" in machine.log(), 30)
    shown = machine.show()
    assert (shown["ActiveState"], shown["StatusText"]) == (
        "activating", "Waiting for the NATS server at nats://127.0.0.1:4222")
    machine.systemctl("start", "nats-server")
    machine.systemctl("start", "darkroomd")  # returns when it is ready
    with_client(echo)
    shown = machine.show()
    assert (shown["ActiveState"], shown["NRestarts"]) == ("active", "0")
    wait_until("the jobs of now", lambda: machine.show()["StatusText"] ==
               "Ready: 2 models (1 loaded), 1 device, 0 queued, 0 running", 10)


def test_it_starts_for_longer_than_systemd_would_wait(machine):
    machine.drop_in("darkroomd.service", "soon", "[Service]\nTimeoutStartSec=1\n")
    machine.reload()
    machine.configure(CONFIG)
    machine.systemctl("start", "--no-block", "darkroomd")
    time.sleep(3)
    assert machine.show()["ActiveState"] == "activating"
    machine.systemctl("start", "nats-server", "darkroomd")
    assert machine.show()["NRestarts"] == "0"


def test_workers_are_confined_as_they_are_without_systemd(machine):
    start(machine)
    with_client(echo)
    pid = machine.main_pid()
    workers = children_of(pid)
    assert workers
    assert "kernel" not in machine.log() and "confined" not in machine.log(), machine.log()
    for process in [pid, *workers]:
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{process}/status").read().splitlines()
                      if ":\t" in line)
        assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0
        assert status["Seccomp"] == "2"
        assert status["Uid"].split()[0] != "0"
    # A worker has systemd's filters and its own on top.
    filters = [int(open(f"/proc/{process}/status").read().split("Seccomp_filters:\t")[1].split()[0])
               for process in (pid, workers[0])]
    assert filters[1] > filters[0]
    # The kernel takes a worker before anything else. (Not each host lets the daemon have its own.)
    assert open(f"/proc/{workers[0]}/oom_score_adj").read() == "500\n"


def test_all_of_it_runs_in_the_daemon_itself_too(machine):
    start(machine, {**CONFIG, "plugins": {"isolation": "in-process"}})
    with_client(echo)
    assert not children_of(machine.main_pid())


def test_a_server_of_its_own_runs_with_it(machine):
    machine.configure({
        **CONFIG, "nats": {"embedded": True, "server": "/opt/darkroom/bin/nats-server", "port": 4223}})
    machine.systemctl("start", "darkroomd")
    with_client(echo, "nats://127.0.0.1:4223")
    machine.systemctl("stop", "darkroomd")
    assert machine.show()["Result"] == "success"
    assert "every accepted job was answered" in machine.log()


def test_the_drop_in_without_gpus_takes_nothing_that_is_needed(machine):
    machine.drop_in("darkroomd.service", "cpu", (SOURCE / "cpu.conf").read_text())
    machine.reload()
    start(machine)
    with_client(echo)
    nodes = os.listdir(f"/proc/{machine.main_pid()}/root/dev")
    assert "null" in nodes and not [name for name in nodes if name.startswith(("sd", "vd", "nvidia"))]


def test_a_hang_is_ended_by_the_watchdog_and_it_starts_again(machine):
    machine.drop_in("darkroomd.service", "hang", HANG)
    machine.reload()
    start(machine)
    first = machine.main_pid()
    os.kill(first, signal.SIGSTOP)
    wait_until("a restart", lambda: machine.show()["NRestarts"] == "1", 30)
    wait_until("it to be ready", lambda: machine.show()["ActiveState"] == "active", 30)
    assert machine.main_pid() != first
    assert "Watchdog timeout" in machine.console
    with_client(echo)


def test_jobs_go_on_when_it_is_killed(machine):
    start(machine, {**CONFIG, "jobs": {"enabled": True, "ack_wait": "1s"}})

    async def submit_kill_and_wait(client):
        jobs = Durable(client)
        await until_served(jobs.js, MODELS)
        names = [f"job-{number}" for number in range(20)]
        for name in names:
            await jobs.submit("mock", b"", name, params={"delay_ms": 50})
        await until("some to have ended", lambda: some_ended(jobs))
        os.kill(machine.main_pid(), signal.SIGKILL)
        return [(await jobs.ended(name))["state"] for name in names]

    async def some_ended(jobs):
        return 0 < await jobs.waiting() < 20

    assert with_client(submit_kill_and_wait) == ["succeeded"] * 20
    shown = machine.show()
    assert (shown["ActiveState"], shown["NRestarts"]) == ("active", "1")


def test_stopping_waits_for_fifty_jobs_that_run(machine):
    machine.drop_in("darkroomd.service", "soon", "[Service]\nTimeoutStopSec=1\n")
    machine.reload()
    start(machine, {**CONFIG, "devices": [{"device": "cpu", "lanes": 50}],
                    "models": {"mock": {"plugin": "mock", "max_batch": 1}}})

    async def run_and_stop(client):
        jobs = [asyncio.create_task(client.run("mock", b"", params={"delay_ms": 3000}))
                for _ in range(50)]

        async def all_run():
            return len(await client.jobs("running", "mock")) == 50

        await until("all to run", all_run)
        machine.systemctl("stop", "--no-block", "darkroomd")
        wait_until("it to drain", lambda: re.fullmatch(
            r"Draining: (50|49) jobs, (60|59|58|57) s left", machine.show()["StatusText"]), 30)
        replies = await asyncio.gather(*jobs)
        wait_until("it to have stopped", lambda: machine.show()["ActiveState"] == "inactive", 30)
        return [reply.code for reply in replies]

    # systemd's own patience is a second: the daemon asks for more.
    assert with_client(run_and_stop) == ["ok"] * 50
    assert machine.show()["Result"] == "success"


def is_ready_with(machine, models: int):
    shown = machine.show()
    return shown["ActiveState"] == "active" and shown["StatusText"].startswith(f"Ready: {models} models (")


def test_a_reload_takes_the_new_configuration(machine):
    start(machine)
    first = machine.main_pid()
    machine.configure({**CONFIG, "models": {**MODELS, "new": {"plugin": "echo"}}})
    machine.systemctl("reload", "darkroomd")
    wait_until("the new model", lambda: is_ready_with(machine, 3), 30)
    with_client(lambda client: echo(client, "new"))
    assert machine.main_pid() == first and machine.show()["NRestarts"] == "0"


def test_a_broken_configuration_is_not_taken(machine):
    start(machine)
    machine.write("/etc/darkroom/darkroom.yaml", "models:\n  echo: {plugin: echo, priority: 3}\n", "0640", "root:darkroom")
    assert machine.systemctl("reload", "darkroomd", check=False).returncode != 0
    place = "/etc/darkroom/darkroom.yaml:2:24: unknown key"
    assert place in machine.log() and "nothing is changed" not in machine.log()
    # The same by the signal alone: the daemon says it.
    os.kill(machine.main_pid(), signal.SIGHUP)
    wait_until("the status to say so", lambda: place in machine.show()["StatusText"], 30)
    shown = machine.show()
    assert shown["ActiveState"] == "active" and shown["StatusText"].startswith("Ready: 2 models")
    assert f"reload: nothing is changed: {place}" in machine.log()
    with_client(echo)
    machine.configure(CONFIG)
    machine.systemctl("reload", "darkroomd")
    wait_until("the status to forget it", lambda: place not in machine.show()["StatusText"], 30)


def test_a_reload_may_load_for_longer_than_systemd_would_wait(machine):
    machine.drop_in("darkroomd.service", "soon", "[Service]\nTimeoutStartSec=1\n")
    machine.reload()
    machine.configure(CONFIG)
    machine.systemctl("start", "nats-server", "darkroomd")
    slow = {"plugin": "mock", "preload": True, "options": {"load_delay_ms": 4000}}
    machine.configure({**CONFIG, "models": {**MODELS, "slow": slow}})
    machine.systemctl("reload", "--no-block", "darkroomd")
    wait_until("it to load", lambda: machine.show()["ActiveState"] == "reloading" and
               machine.show()["StatusText"].startswith("Reloading; "), 30)
    with_client(echo)
    wait_until("the new model", lambda: is_ready_with(machine, 3), 30)
    assert machine.show()["NRestarts"] == "0" and "timed out" not in machine.console


@pytest.mark.parametrize("text, said", (
    ("models:\n  echo:\n    plugin: echo\n    priority: 3\n", "/etc/darkroom/darkroom.yaml:4:"),
    (None, "/etc/darkroom/darkroom.yaml: cannot be read"),
))
def test_a_wrong_configuration_is_told_and_not_tried_again(machine, text, said):
    if text is not None:
        machine.write("/etc/darkroom/darkroom.yaml", text, "0640", "root:darkroom")
    assert machine.systemctl("start", "darkroomd", check=False).returncode != 0
    shown = machine.show()
    assert (shown["ActiveState"], shown["ExecMainStatus"], shown["NRestarts"]) == ("failed", "78", "0")
    assert said in machine.log()


def test_it_runs_as_a_user_that_systemd_makes_up(machine):
    machine.drop_in("darkroomd.service", "dynamic", "[Service]\nDynamicUser=yes\nUser=\nGroup=\n")
    machine.reload()
    machine.configure({**CONFIG, "jobs": {"enabled": True}})
    machine.run("chmod", "755", "/etc/darkroom")
    machine.run("chmod", "644", "/etc/darkroom/darkroom.yaml")
    machine.systemctl("start", "nats-server", "darkroomd")
    with_client(echo)
    assert machine.run("stat", "-c", "%u", "/var/lib/private/darkroom").stdout.strip() not in ("0", "")


@pytest.mark.parametrize("dynamic", (False, True))
def test_a_secret_comes_from_systemd(machine, dynamic):
    if dynamic:
        machine.drop_in("darkroomd.service", "dynamic", "[Service]\nDynamicUser=yes\nUser=\nGroup=\n")
        machine.reload()
    machine.serve_nats("authorization { token: t0ken }\n")
    machine.write("/etc/credstore/darkroom.token", "t0ken\n")
    machine.configure({**CONFIG, "nats": {"url": URL, "token_file": "${CREDENTIALS_DIRECTORY}/darkroom.token"}})
    machine.run("chmod", "755", "/etc/darkroom")
    machine.run("chmod", "644", "/etc/darkroom/darkroom.yaml")
    machine.systemctl("start", "nats-server", "darkroomd")
    with_client(echo, token="t0ken")
    # root's alone in its place, and seen by nobody in the service's arguments, environment or log.
    pid = machine.main_pid()
    for text in (open(f"/proc/{pid}/environ").read(), open(f"/proc/{pid}/cmdline").read(), machine.log()):
        assert "t0ken" not in text
    # A reload reads it again where it is.
    machine.configure({**CONFIG, "nats": {"url": URL, "token_file": "${CREDENTIALS_DIRECTORY}/darkroom.token"},
                       "models": {"echo": {"plugin": "echo"}}})
    machine.run("chmod", "644", "/etc/darkroom/darkroom.yaml")
    machine.systemctl("reload", "darkroomd")
    wait_until("the reload", lambda: machine.show()["StatusText"].startswith("Ready: 1 model ("), 30)


def test_a_secret_that_is_not_there_is_told_with_its_place(machine):
    machine.configure({**CONFIG, "nats": {"url": URL, "token_file": "${CREDENTIALS_DIRECTORY}/darkroom.token"}})
    assert machine.systemctl("start", "darkroomd", check=False).returncode != 0
    shown = machine.show()
    assert (shown["ExecMainStatus"], shown["NRestarts"]) == ("78", "0")
    assert "/etc/darkroom/darkroom.yaml:4:" in machine.log() and "/etc/credstore" in machine.log()


def test_one_for_each_gpu_with_a_target_for_all(machine):
    for number in (0, 1):
        machine.configure({**CONFIG, "host_name": f"gpu-{number}"}, f"gpu-{number}")
    machine.systemctl("start", "nats-server", "darkroom.target", "darkroomd@0", "darkroomd@1")
    with_client(echo)
    for number in (0, 1):
        environment = open(f"/proc/{machine.main_pid(f'darkroomd@{number}')}/environ").read().split("\0")
        assert f"CUDA_VISIBLE_DEVICES={number}" in environment
        assert f"STATE_DIRECTORY=/var/lib/darkroom/gpu-{number}" in environment
    machine.systemctl("stop", "darkroom.target")

    def have_stopped():
        return all(machine.show(f"darkroomd@{number}")["ActiveState"] == "inactive" for number in (0, 1))

    wait_until("both to stop", have_stopped, 30)
