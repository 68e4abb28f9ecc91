# SPDX-License-Identifier: Apache-2.0
"""`darkroom config`: checking, showing and comparing configurations; and `darkroom drain`."""

import json

import pytest

from schema import load
from shell import Shell

MODELS = {"echo": {"plugin": "echo", "params": {}}}
SECRET = "hunter2"


@pytest.fixture
def here(tmp_path):
    """The command where there is no server."""
    return Shell(tmp_path, "nats://127.0.0.1:1")


def test_check_says_all_that_is_wrong(here):
    here.file("good.yaml", b"models: {echo: {plugin: echo}}\n")
    here.file("bad.yaml", b"log: {level: warn}\nnats: {prefx: p}\n")
    assert here("config", "check", "good.yaml").text == "good.yaml: ok, 1 models, 0 routes\n"
    done = here("config", "check", "good.yaml", "bad.yaml", code=8)
    assert done.text == "good.yaml: ok, 1 models, 0 routes\n"
    assert "bad.yaml:1:14: log.level: must be one of" in done.err
    assert "(did you mean 'warning'?)\n     1 | log: {level: warn}\n       |              ^" in done.err
    assert "bad.yaml:2:8: unknown key 'nats.prefx' (did you mean 'prefix'?)" in done.err
    answer = here.json("config", "check", "good.yaml", "bad.yaml", code=8)
    good, bad = answer["files"]
    assert good == {"file": "good.yaml", "fragments": [], "ok": True, "issues": []}
    assert [(issue["line"], issue["column"]) for issue in bad["issues"]] == [(1, 14), (2, 8)]
    assert answer["error"]["exit_code"] == 8
    here("config", "check", "nonsuch.yaml", code=8)


def test_check_names_the_fragment(here):
    here.file("a.yaml", b"")
    (here.folder / "conf.d").mkdir()
    here.file("conf.d/1.yaml", b"models: {m: {plugin: echo}}\n")
    assert "1 models, 0 routes, 1 fragments" in here("config", "check", "a.yaml").text
    here.file("conf.d/2.yaml", b"\nmodels: {m: {queue: none}}\n")
    assert "conf.d/2.yaml:2:21: models.m.queue" in here("config", "check", "a.yaml", code=8).err


def test_show_has_every_default_and_no_secrets(here):
    here.environment["PASSWORD"] = SECRET
    here.file(
        "a.yaml",
        b"nats: {url: ['nats://ada:secret1@a:4222', 'nats://${PASSWORD}@b']}\n"
        b"models: {m: {plugin: echo, options: {api_key: secret2, size: 3}}}\n",
    )
    done = here("config", "show", "a.yaml")
    assert SECRET not in done.text + done.err and "secret" not in done.text
    shown = load(done.text)
    assert shown["nats"]["url"] == ["nats://***@a:4222", "nats://${PASSWORD}@b"]
    assert shown["models"]["m"]["options"] == {"api_key": "***", "size": 3}
    assert shown["limits"]["input_bytes"] == "64MiB" and shown["drain_timeout"] == "1m"
    as_json = here.json("config", "show", "a.yaml")
    assert as_json["config"] == shown and as_json["file"] == "a.yaml"
    # What is shown is a configuration.
    here.file("shown.yaml", done.out.replace(b"nats://${PASSWORD}", b"nats://x"))
    assert load(here("config", "show", "shown.yaml").text)["limits"] == shown["limits"]
    here.file("bad.yaml", b"x: 1\n")
    assert "unknown key 'x'" in here("config", "show", "bad.yaml", code=8).err


def test_diff_of_two_files(here):
    here.file("a.yaml", b"limits: {queued: 5}\nmodels: {m: {plugin: echo}, old: {plugin: echo}}\n")
    here.file("b.yaml", b"limits: {queued: 6}\nmodels: {m: {plugin: echo, queue: 9}, new: {plugin: echo}}\n")
    text = here("config", "diff", "a.yaml", "b.yaml", code=1).text.splitlines()
    assert text[0] == "a.yaml -> b.yaml"
    assert "~ limits.queued: 5 -> 6" in text and "~ models.m.queue: 256 -> 9" in text
    assert [line[:14] for line in text if line[0] in "+-"] == ["- models.old: ", "+ models.new: "]
    answer = here.json("config", "diff", "a.yaml", "b.yaml", code=1)
    assert answer["equal"] is False
    assert {"key": "limits.queued", "from": 5, "to": 6} in answer["diffs"][0]["changes"]
    assert here("config", "diff", "a.yaml", "a.yaml").text == "a.yaml and a.yaml: the same\n"


def test_what_runs_is_shown_and_compared(shell, daemon):
    shown = load(shell("config", "show", "--running").text)
    assert shown["host_name"] == "e2e-host" and shown["models"]["echo"]["plugin"] == "echo"
    (host,) = shell.json("config", "show", "--running")["hosts"]
    assert host["host"] == "e2e-host" and host["config"] == shown
    text = daemon.config_path.read_bytes()
    shell.file("same.yaml", text)
    assert "the same" in shell("config", "diff", "same.yaml").text
    config = json.loads(text)
    config["models"]["echo"]["queue"] = 3
    config["drain_timeout"] = "5s"
    shell.file("new.yaml", json.dumps(config).encode())
    assert shell("config", "diff", "new.yaml", code=1).text == (
        "e2e-host -> new.yaml\n~ drain_timeout: 1m -> 5s\n~ models.echo.queue: 256 -> 3\n"
    )


def test_what_runs_hides_secrets(site, tmp_path):
    server = site.server().start()
    config = {
        "nats": {"url": server.url.replace("//", "//ada:hunter1@")},
        "models": {"echo": {"plugin": "echo", "options": {"note": "${DARKROOM_TEST_NOTE}"}}},
    }
    daemon = site.daemon(config)
    daemon.environment["DARKROOM_TEST_NOTE"] = SECRET
    daemon.start()
    text = Shell(tmp_path, server.url)("config", "show", "--running").text
    assert "hunter" not in text
    assert load(text)["models"]["echo"]["options"]["note"] == "${DARKROOM_TEST_NOTE}"
    assert daemon.stop() == 0
    assert "hunter" not in daemon.log


def start_two(site):
    server = site.server().start()
    return server, [
        site.daemon({"nats": {"url": server.url}, "models": {"mock": {"plugin": "mock"}}}, name).start()
        for name in ("a", "b")
    ]


def test_drain_ends_the_daemon_that_is_meant_when_its_jobs_are_answered(site, tmp_path):
    server, (a, b) = start_two(site)
    shell = Shell(tmp_path, server.url)
    shell.file("in", b"1")
    done = shell("drain", code=2)
    assert "there are 2 daemons: a, b" in done.err and "--host" in done.err
    assert "no daemon" in shell("drain", "--host", "c", code=3).err
    jobs = [
        shell.start("run", "mock", "-i", "in", "-o", f"out{n}", "-p", "delay_ms=1500", "-q")
        for n in range(4)
    ]
    while sum(len(h["jobs"]) for h in shell.json("ps")["hosts"]) < 4:
        pass
    waiting = {h["host"]: len(h["jobs"]) for h in shell.json("ps")["hosts"]}["a"]
    text = shell("drain", "--host", "a").text
    assert text.startswith("a: draining, ") and (waiting > 0) == ("0 jobs" not in text)
    assert a.wait() == 0
    assert [job.wait(60) for job in jobs] == [0] * 4
    assert "asked to drain" in a.log
    assert [h["host"] for h in shell.json("status")["hosts"]] == ["b"]
    (answer,) = shell.json("drain")["hosts"]
    assert (answer["host"], answer["state"], answer["begun"]) == ("b", "draining", True)
    assert b.wait() == 0


async def test_a_drain_that_names_nobody_is_refused(client):
    message = await client.nats.request("darkroom.control.drain", b"{}", timeout=5)
    assert json.loads(message.data)["code"] == "invalid_argument"
    assert (await client.control("status"))["state"] == "ready"
