# SPDX-License-Identifier: Apache-2.0
"""`darkroom top`, `doctor`, `bench`, `completion`, contexts of the nats tool, and the man pages."""

import asyncio
import datetime
import json
import re
import shutil
import signal
import subprocess
import time

import nats
import pytest

from harness import REPOSITORY, free_port
from shell import Screen, Shell

JETSTREAM = True
MODELS = {"mock": {"plugin": "mock"}, "broken": {"plugin": "no-such-plugin"}}
CONFIG = {"jobs": {"enabled": True}, "devices": [{"device": "cpu", "lanes": 2}]}


@pytest.fixture
def shell(daemon, server, tmp_path):
    shell = Shell(tmp_path, server.url)
    shell.file("in", b"1")
    return shell


# top


def test_top_in_a_pipe_is_one_picture_with_rates(shell):
    shell("run", "mock", "-i", "in", "-o", "out", "-q")
    top = shell.start("top", "--interval", "4s", "--json", stdout=subprocess.PIPE)
    time.sleep(2)
    shell("run", "mock", "-i", "in", "-o", "out", "-q", "-p", "delay_ms=1")
    (host,) = json.loads(top.communicate(timeout=30)[0])["hosts"]
    assert top.returncode == 0 and host["host"] == "e2e-host"
    assert set(host) == {"host", "status", "devices", "instances", "jobs", "models", "rates"}
    assert 0 < host["rates"]["succeeded"] <= 1 / 4 and host["rates"]["failed"] == 0
    slow = shell.start("run", "mock", "-i", "in", "-o", "out", "-q", "-p", "delay_ms=4000")
    while not shell.json("ps")["hosts"][0]["jobs"]:
        pass
    text = shell("top", "--once", "--interval", "200ms").text
    assert "\x1b" not in text
    assert re.search(r"^e2e-host +ready +.+? +0 +1 ", text, re.MULTILINE)
    assert re.search(r"^e2e-host +cpu +1/2 ", text, re.MULTILINE)
    assert re.search(r"^e2e-host +mock +ready +0/256 +cpu ", text, re.MULTILINE)
    assert re.search(r"^e2e-host +broken +failed ", text, re.MULTILINE)
    assert slow.wait(60) == 0


def test_top_on_a_terminal_goes_on_until_ctrl_c(shell):
    screen = Screen()
    process = shell.start("top", "--interval", "200ms", stdout=screen.device, stderr=screen.device)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    shown = screen.read_all(process)
    assert process.returncode == 0
    assert shown.startswith("\x1b[?1049h") and shown.endswith("\x1b[?1049l")
    assert shown.count("\x1b[H") >= 3 and "e2e-host" in shown


def test_top_refuses_a_wrong_interval(shell):
    assert "--interval" in shell("top", "--interval", "5", code=2).err


# bench


def test_bench_counts_and_measures(shell):
    answer = shell.json("bench", "mock", "-i", "in", "-n", 12, "-c", 4, "-p", "delay_ms=20")
    assert (answer["succeeded"], answer["failed"], answer["concurrency"]) == (12, {}, 4)
    for spread in (answer["took_ms"], answer["run_ms"]):
        assert 20 <= spread["p50"] <= spread["p90"] <= spread["p99"] <= spread["max"]
    assert answer["jobs_per_s"] == pytest.approx(12 / answer["seconds"])
    text = shell("bench", "mock", "-i", "in", "-n", 3).text
    assert text.startswith("3 jobs in ") and " p99 " in text
    answer = shell.json("bench", "mock", "-i", "in", "-n", 4, "-p", 'fail=internal', code=1)
    assert (answer["succeeded"], answer["failed"]) == (0, {"internal": 4})
    assert "nonsuch" in shell("bench", "nonsuch", "-i", "in", code=3).err


# doctor


def checks(answer: dict) -> dict[str, list]:
    found: dict[str, list] = {}
    for check in answer["checks"]:
        found.setdefault(check["name"], []).append(check)
        assert check["state"] == "ok" or check["hint"] or check["state"] == "skipped"
    return found


def test_doctor_of_a_daemon_that_is_well_but_for_a_model(shell, daemon):
    answer = shell.json("doctor", "--config", daemon.config_path, code=1)
    found = checks(answer)
    assert answer["healthy"] is False
    for name in ("configuration", "weights", "state folder", "nats", "rights", "daemon",
                 "jetstream", "server clock"):
        assert [check["state"] for check in found[name]] == ["ok"], found[name]
    (model,) = found["model"]
    assert model["state"] == "failed" and "no-such-plugin" in model["message"]
    text = shell("doctor", "--config", daemon.config_path, code=1).text
    assert re.search(r"^failed   model +e2e-host: broken cannot be served", text, re.MULTILINE)
    assert re.search(r"^ +-> ", text, re.MULTILINE)


def test_doctor_without_a_server(tmp_path):
    shell = Shell(tmp_path, f"nats://127.0.0.1:{free_port()}")
    (check,) = checks(shell.json("doctor", code=1))["nats"]
    assert check["state"] == "failed" and "connection refused" in check["message"].lower()
    assert "nats" not in checks(json.loads(shell.start(
        "doctor", "--local", "--json", stdout=subprocess.PIPE).communicate()[0]))


def test_doctor_without_jetstream_and_without_daemon(site, tmp_path):
    shell = Shell(tmp_path, site.server().start().url)
    shell.file("a.yaml", b"jobs: {enabled: true}\nstate_dir: state\n")
    found = checks(shell.json("doctor", "--config", "a.yaml", code=1))
    assert found["daemon"][0]["state"] == "failed"
    assert found["jetstream"][0]["state"] == "failed"
    shell.file("b.yaml", b"state_dir: state\n")
    found = checks(shell.json("doctor", "--config", "b.yaml", code=1))
    assert found["jetstream"][0]["state"] == "warning"


def test_doctor_with_wrong_rights(site, tmp_path):
    server = site.server()
    with open(server.settings, "a") as settings:
        settings.write(
            'authorization { users: [{user: ada, password: s3cret, '
            'permissions: {publish: "nothing", subscribe: ">"}}] }\n'
        )
    server.start()
    shell = Shell(tmp_path, server.url)
    (check,) = checks(shell.json("doctor", code=1))["rights"]
    assert "refused the connection" in check["message"]
    shell.environment["NATS_URL"] = server.url.replace("//", "//ada:s3cret@")
    found = checks(shell.json("doctor", code=1))
    assert found["nats"][0]["state"] == "ok" and found["rights"][0]["state"] == "failed"
    assert "darkroom.control.status" in found["rights"][0]["hint"]
    assert "s3cret" not in json.dumps(found)


def test_doctor_finds_what_a_configuration_lacks(tmp_path):
    shell = Shell(tmp_path, "nats://127.0.0.1:1")
    shell.file("a.yaml", b"models: {m: {plugin: echo, weights: none.bin}}\nstate_dir: a.yaml\n"
                         b"plugins: {folder: nowhere}\n")
    found = checks(shell.json("doctor", "--local", "--config", "a.yaml", code=1))
    for name, words in (("weights", "none.bin"), ("state folder", "a.yaml"), ("plugins", "nowhere")):
        assert found[name][0]["state"] == "failed" and words in found[name][0]["message"]
    shell.file("b.yaml", b"nonsuch: 1\n")
    found = checks(shell.json("doctor", "--local", "--config", "b.yaml", code=1))
    assert "unknown key 'nonsuch'" in found["configuration"][0]["message"]


def test_doctor_sees_a_full_disk(tmp_path):
    shell = Shell(tmp_path, "nats://127.0.0.1:1")
    shell.file("a.yaml", b"state_dir: small\n")
    (tmp_path / "small").mkdir()
    # A disk of one mebibyte, which nobody else sees.
    script = 'mount -t tmpfs -o size=1m none small && exec "$0" doctor --local --json --config a.yaml'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, shell.program],
        capture_output=True, text=True, cwd=tmp_path, env=shell.environment,
    )  # fmt: skip
    if not done.stdout:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    (disk,) = checks(json.loads(done.stdout))["disk"]
    assert disk["state"] == "failed" and "1 MiB of 1 MiB are free" in disk["message"]
    assert "state_dir" in disk["hint"]


async def test_doctor_compares_the_clock_with_the_server(site, tmp_path):
    """A server whose clock is an hour ahead: one without JetStream, and this test answers for it."""
    server = site.server().start()
    connection = await nats.connect(server.url)

    async def account(message):
        await message.respond(b'{"type": "io.nats.jetstream.api.v1.account_info_response"}')

    async def stream(message):
        ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        await message.respond(json.dumps({
            "type": "io.nats.jetstream.api.v1.stream_info_response",
            "config": {"name": "DARKROOM_JOBS", "subjects": ["darkroom.jobs.>"]},
            "created": "2026-01-01T00:00:00Z",
            "state": {"messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0, "consumer_count": 0},
            "ts": ahead.isoformat().replace("+00:00", "Z"),
        }).encode())

    await connection.subscribe("$JS.API.INFO", cb=account)
    await connection.subscribe("$JS.API.STREAM.INFO.DARKROOM_JOBS", cb=stream)
    shell = Shell(tmp_path, server.url)
    found = checks(await asyncio.to_thread(shell.json, "doctor", code=1))
    await connection.close()
    (clock,) = found["server clock"]
    assert clock["state"] == "failed" and "behind the NATS server's" in clock["message"]


# contexts of the nats tool


def write_context(shell, name: str, selected: bool = False, **fields):
    folder = shell.folder / "home" / ".config" / "nats"
    (folder / "context").mkdir(parents=True, exist_ok=True)
    (folder / "context" / f"{name}.json").write_text(json.dumps({"description": "", **fields}))
    if selected:
        (folder / "context.txt").write_text(name + "\n")
    shell.environment["HOME"] = str(shell.folder / "home")
    shell.environment.pop("XDG_CONFIG_HOME", None)


def test_contexts_are_honoured(shell, server):
    write_context(shell, "lab", url=server.url, inbox_prefix="_LAB")
    write_context(shell, "away", url="nats://127.0.0.1:1")
    assert shell("status", "--context", "away", code=0)  # NATS_URL goes before
    del shell.environment["NATS_URL"]
    assert "e2e-host" in shell("status", "--context", "lab").text
    assert "127.0.0.1:1" in shell("status", "--context", "away", code=5).err
    shell.environment["NATS_CONTEXT"] = "lab"
    assert "e2e-host" in shell("status").text
    del shell.environment["NATS_CONTEXT"]
    done = shell("status", "--context", "lap", code=3)
    assert "no context 'lap'" in done.err and "did you mean 'lab'?" in done.err
    write_context(shell, "lab", selected=True, url=server.url)
    assert "e2e-host" in shell("status").text
    assert "127.0.0.1:1" in shell("status", "--url", "nats://127.0.0.1:1", code=5).err
    write_context(shell, "lab", url=server.url, nsc="nsc://a/b/c")
    assert "uses nsc" in shell("status", code=8).err


def test_a_context_has_who_we_are(site, tmp_path):
    server = site.server()
    with open(server.settings, "a") as settings:
        settings.write("authorization { token: s3cret }\n")
    server.start()
    shell = Shell(tmp_path, server.url)
    del shell.environment["NATS_URL"]
    write_context(shell, "t", url=server.url, token="s3cret")
    # Let in, and nobody there.
    assert "nobody listens" in shell("status", "--context", "t", code=5).err
    write_context(shell, "t", url=server.url, token="wrong")
    assert "refused the connection" in shell("status", "--context", "t", code=4).err


# completion


def complete_in_bash(shell, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    (shell.folder / "completion.bash").write_text(shell("completion", "bash").text)
    script = f"""
source {shell.folder}/completion.bash
COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
COMP_CWORD={len(words) - 1}
$(complete -p darkroom | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes_commands_and_options(shell):
    assert {"run", "jobs", "top", "doctor", "completion"} <= set(
        complete_in_bash(shell, "darkroom", "")
    )
    assert complete_in_bash(shell, "darkroom", "do") == ["doctor"]
    assert set(complete_in_bash(shell, "darkroom", "config", "")) == {"check", "show", "diff"}
    assert complete_in_bash(shell, "darkroom", "--url", "nats://a", "--json", "config", "sh") == ["show"]
    assert "--interval" in complete_in_bash(shell, "darkroom", "top", "--")
    assert "--url" in complete_in_bash(shell, "darkroom", "jobs", "ls", "--")
    assert "--interval" not in complete_in_bash(shell, "darkroom", "jobs", "ls", "--")
    # A value, which is a file for all that we know.
    assert complete_in_bash(shell, "darkroom", "run", "-i", "") == []


@pytest.mark.parametrize("name, check", [
    ("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_scripts_are_sound(shell, name, check):
    if shutil.which(check[0]) is None:
        pytest.skip(f"{check[0]} is not installed here")
    (shell.folder / "script").write_text(shell("completion", name).text)
    done = subprocess.run([*check, shell.folder / "script"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_completes(shell):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed here")
    (shell.folder / "script").write_text(shell("completion", "fish").text)

    def offered(line: str) -> list[str]:
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source {shell.folder}/script; complete -C '{line}'"],
            capture_output=True, text=True, cwd=shell.folder, env=shell.environment,
        )  # fmt: skip
        return [row.split("\t")[0] for row in done.stdout.splitlines()]

    assert {"run", "config"} <= set(offered("darkroom "))
    assert set(offered("darkroom --url x config ")) == {"check", "show", "diff"}
    assert "--interval" in offered("darkroom top --i")


def test_a_shell_that_it_does_not_know(shell):
    shell("completion", "csh", code=2)


# the man pages


def places(shell) -> set[str]:
    """Every command, "jobs ls", as the completion knows them."""
    script = shell("completion", "bash").text
    return {path for path in re.findall(r"^    '([^']*)'\) commands=", script, re.MULTILINE)} - {""}


def page(name: str) -> str:
    """As scdoc reads it, without its marks and escapes."""
    source = (REPOSITORY / "docs" / "man" / f"{name}.scd").read_text()
    done = subprocess.run(["scdoc"], input=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return re.sub(r"\\(.)", r"\1", source)


def test_the_manual_names_every_command(shell):
    text = page("darkroom.1")
    groups = {path.split()[0] for path in places(shell) if " " in path}
    commands = places(shell) - groups
    assert len(commands) > 25
    missing = {path for path in commands if f"*{path}*" not in text}
    assert not missing


def test_docs_cli_has_every_command(shell):
    text = (REPOSITORY / "docs" / "cli.md").read_text()
    for path in places(shell):
        words = path.split()
        assert re.search(rf"`?darkroom {words[0]}\b", text), path
        assert len(words) == 1 or re.search(rf"\b{words[1]}\b", text), path


def test_the_manual_has_every_key():
    text = page("darkroom.yaml.5")
    table = (REPOSITORY / "docs" / "configuration.md").read_text()
    keys = re.findall(r"^\| `([^`]+)` \| (.*?) \|", table, re.MULTILINE)
    assert len(keys) > 70
    wrong = []
    for key, default in keys:
        at = text.find(f"*{key}*\n")
        entry = text[at : text.find("\n\n", at)]
        words = re.sub(r"[`\\]", "", default)
        if at < 0 or (default != "required" and words not in entry):
            wrong.append(key)
    assert not wrong


@pytest.mark.parametrize("name", ["darkroom.1", "darkroomd.8", "darkroom.yaml.5", "darkroom-subjects.7"])
def test_the_pages_are_sound(name):
    assert page(name)


def test_the_manual_has_the_subjects_of_the_protocol():
    text = page("darkroom-subjects.7")
    table = (REPOSITORY / "docs" / "protocol.md").read_text()
    verbs = set(re.findall(r"darkroom\.control\.(\w+)", table)) | set(
        re.findall(r"^`(\w+)`: `{\"host\"", table, re.MULTILINE)
    )
    assert len(verbs) >= 5
    for verb in verbs:
        assert f"darkroom.control.{verb}" in text
