# SPDX-License-Identifier: Apache-2.0
"""The command `darkroom` as people and scripts meet it: results, words, exit codes, terminals."""

import asyncio
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness import weights_path, wait_until
from pictures import decode, encode, quarters
from shell import RECEIPT_FIELDS, RUN_FIELDS, Shell, on_screen

MODELS = {
    "echo": {"plugin": "echo"},
    "mock": {"plugin": "mock"},
    "photo-enhance-fast": {
        "plugin": "enhance",
        "weights": str(weights_path("realesr-animevideov3-x4")),
    },
}
CONFIG = {"routes": [{"subject": "letters.*.in", "model": "echo"}]}


@pytest.fixture
def shell(daemon, server, tmp_path):
    return Shell(tmp_path, server.url)


def test_run_writes_the_output_and_says_so_in_one_line(shell):
    shell.file("in.png", encode(quarters(48, 32)))
    done = shell("run", "photo-enhance-fast", "-i", "in.png", "-o", "out.webp")
    image = decode(shell.read("out.webp"))
    assert (image.format, image.size) == ("WEBP", (192, 128))
    assert done.out == b""
    size = len(shell.read("out.webp"))
    assert re.fullmatch(
        r"out\.webp: [\d.]+ (bytes|KiB) image/webp, ran [\dms. ]+, photo-enhance-fast, "
        r"enhance [\d.]+, \w+\n",
        done.err,
    ), (done.err, size)
    assert sorted(os.listdir(shell.folder)) == ["in.png", "out.webp"]


def test_run_takes_params_and_the_form_of_the_reply(shell):
    shell.file("in.png", encode(quarters(48, 32)))
    shell("run", "photo-enhance-fast", "-i", "in.png", "-p", "scale=2", "-o", "out.jpg")
    assert (decode(shell.read("out.jpg")).format, decode(shell.read("out.jpg")).size) == (
        "JPEG",
        (96, 64),
    )
    shell(
        "run",
        "photo-enhance-fast",
        "-i",
        "in.png",
        "--params",
        '{"scale": 2}',
        "--accept",
        "png",
        "-o",
        "out",
    )
    assert decode(shell.read("out")).format == "PNG"


def test_run_in_a_pipe_is_bytes_in_and_bytes_out(shell):
    data = bytes(range(256)) * 100
    done = shell("run", "echo", "-i", "-", stdin=data)
    assert (done.out, done.err) == (data, "")


def test_run_names_inputs(shell):
    data = bytes(range(256))
    shell.file("in.bin", data)
    name = shell.json("models", "echo")["hosts"][0]["models"][0]["inputs"][0]["name"]
    assert shell("run", "echo", "-i", f"{name}=@in.bin", "-o", "-").out == data
    # Beside a named input the first one must get its name, which only the daemon knows.
    done = shell("run", "echo", "-i", "in.bin", "-i", "nonsuch=text", code=1)
    assert "nonsuch" in done.err


def test_run_json_has_stable_fields(shell):
    shell.file("in.bin", b"\0\1\2")
    result = shell.json("run", "echo", "-i", "in.bin", "-o", "out.bin", "--job", "my-job_1")
    assert set(result) == RUN_FIELDS and set(result["receipt"]) == RECEIPT_FIELDS
    assert (result["job"], result["model"], result["output"]) == ("my-job_1", "echo", "out.bin")
    assert (result["bytes"], result["receipt"]["attempts"]) == (3, 1)
    assert result["receipt"]["host"] == "e2e-host"
    assert result["receipt"]["plugin"].startswith("echo ")
    failed = shell.json(
        "run", "mock", "-i", "in.bin", "-o", "no.bin", "-p", "fail=internal", code=1
    )
    assert set(failed) == RUN_FIELDS | {"error"}
    assert set(failed["error"]) == {"code", "message", "hint", "retryable", "exit_code"}
    assert (failed["error"]["code"], failed["error"]["exit_code"]) == ("internal", 1)
    assert failed["receipt"]["host"] == "e2e-host" and failed["output"] is None
    assert not (shell.folder / "no.bin").exists()


def test_run_json_holds_a_json_reply(shell):
    shell.file("in.bin", b"\0\1\2")
    result = shell.json("run", "echo", "-i", "in.bin", "--accept", "json")
    assert result["content_type"] == "application/json"
    assert set(result["result"]) == {"job", "outputs"}
    refused = shell.json("run", "echo", "-i", "in.bin", code=2)
    assert "-o FILE" in refused["error"]["hint"]


@pytest.mark.parametrize(
    "code, exit_code",
    [
        ("internal", 1),
        ("resource_exhausted", 1),
        ("invalid_argument", 1),
        ("not_found", 3),
        ("failed_precondition", 8),
    ],
)
def test_a_failed_job_has_its_exit_code(shell, code, exit_code):
    done = shell(
        "run",
        "mock",
        "-i",
        "-",
        "-p",
        f"fail={code}",
        "-p",
        "message=as asked",
        stdin=b"1",
        code=exit_code,
    )
    assert done.out == b"" and "as asked" in done.err


def test_a_route_is_a_subject_like_any(shell):
    assert shell("run", "--subject", "letters.new.in", "-i", "-", stdin=b"hello").out == b"hello"
    done = shell("run", "--subject", "letter.new.in", "-i", "-", stdin=b"hello", code=3)
    assert "letters.*.in" in done.err


def test_an_unknown_model_is_not_found_and_the_nearest_is_named(shell):
    before = shell.file("out.png", b"the picture of before")
    for command in (
        ["run", "photo-enhance-fist", "-i", "-", "-o", before],
        ["models", "photo-enhance-fist"],
    ):
        done = shell(*command, stdin=b"1", code=3)
        assert "'photo-enhance-fist'" in done.err and "did you mean photo-enhance-fast?" in done.err
    assert shell.read("out.png") == b"the picture of before"


def test_wrong_command_lines_are_usage_errors(shell):
    for arguments in (
        [],
        ["nonsuch"],
        ["run"],
        ["run", "echo", "--nonsuch"],
        ["run", "a.b"],
        ["run", "echo", "-p", "novalue"],
        ["run", "echo", "--deadline", "30"],
        ["run", "echo", "--job", "a.b"],
        ["run", "echo", "--accept", "gif"],
        ["run", "echo", "--json", "-o", "-"],
        ["run", "echo", "-i", "a", "-i", "b"],
        ["status", "--prefix", "a.*"],
    ):
        assert shell(*arguments, code=2).err, arguments


def test_missing_files_are_told_before_anything_is_sent(shell):
    served = shell.json("status")["hosts"][0]["jobs"]
    assert "no-such-file" in shell("run", "echo", "-i", "no-such-file", code=3).err
    assert (
        "no-such-folder"
        in shell("run", "echo", "-i", "-", "-o", "no-such-folder/x", stdin=b"1", code=3).err
    )
    assert shell("run", "echo", "-i", "-", "-o", ".", stdin=b"1", code=2).err
    assert shell.json("status")["hosts"][0]["jobs"] == served


def test_too_large_a_request_is_refused_here_with_the_limit(shell):
    served = shell.json("status")["hosts"][0]["jobs"]
    shell.file("large", bytes((1 << 20) + 1))
    done = shell("run", "echo", "-i", "large", "-o", "out", code=7)
    assert "1 MiB" in done.err and "max_payload" in done.err
    assert shell.json("status")["hosts"][0]["jobs"] == served


def test_nobody_to_connect_to(shell, server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"nats://me:secret@127.0.0.1:{taken.getsockname()[1]}"
        done = shell("--url", url, "status", code=5)
        assert "connection refused" in done.err and "secret" not in done.err
        assert (
            shell.json("run", "echo", "-i", "-", "--url", url, "-o", "x", stdin=b"1", code=5)[
                "error"
            ]["code"]
            == "unreachable"
        )
    # The server is there, but no daemon of that prefix.
    assert "darkroomd" in shell("--prefix", "nobody", "models", code=5).err
    done = shell("--prefix", "nobody", "run", "echo", "-i", "-", stdin=b"1", code=5)
    assert "nobody serves echo" in done.err and "darkroom models" in done.err


def test_waiting_ends_at_the_timeout(shell):
    done = shell(
        "run", "mock", "-i", "-", "-p", "delay_ms=3000", "--timeout", "300ms", stdin=b"1", code=6
    )
    assert done.out == b"" and done.err
    done = shell(
        "run", "mock", "-i", "-", "-p", "delay_ms=3000", "--deadline", "200ms", stdin=b"1", code=6
    )
    assert "deadline" in done.err


def test_interrupted_it_stops_the_job(shell):
    process = shell.start(
        "run",
        "mock",
        "-i",
        shell.file("in", b"1"),
        "-p",
        "delay_ms=60000",
        "--job",
        "left-behind",
        stderr=subprocess.PIPE,
    )

    def runs():
        return [job for job in shell.json("ps")["hosts"][0]["jobs"] if job["id"] == "left-behind"]

    wait_until("the job to be accepted", runs)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "left-behind was told to stop" in err.decode()
    wait_until("the job to be gone", lambda: not runs(), 10)


def test_interrupted_before_anything_is_sent(shell):
    process = shell.start("run", "echo", "-i", "-", stdin=subprocess.PIPE)
    # It reads standard input, which never ends; its thread for signals is there by then.
    wait_until("it to read", lambda: _waits_for_input(process.pid))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130


def _waits_for_input(pid: int) -> bool:
    call = Path(f"/proc/{pid}/syscall").read_text().split()
    return call[:2] == ["0", "0x0"]  # read(0, ...)


SLOW = ["-p", "delay_ms=1200", "-p", "progress_steps=12", "-p", "output_bytes=5"]


def test_a_terminal_shows_a_bar(shell):
    shell.file("in", b"1")
    code, out, shown = on_screen(shell, "run", "mock", "-i", "in", *SLOW)
    assert code == 0 and out
    assert re.search(r"mock  \x1b\[32m━*.*\d+%", shown), shown
    assert shown.endswith("\r\x1b[K")  # nothing is left of it


def test_a_terminal_without_colour_or_progress(shell):
    shell.file("in", b"1")
    shell.environment["NO_COLOR"] = "1"
    _, _, shown = on_screen(shell, "run", "mock", "-i", "in", *SLOW)
    assert re.search(r"\d+%", shown) and not re.search(r"\x1b\[\d*m", shown)
    assert on_screen(shell, "run", "mock", "-i", "in", *SLOW, "--no-progress")[2] == ""


def test_a_pipe_shows_progress_only_when_asked(shell):
    shell.file("in", b"1")
    assert shell("run", "mock", "-i", "in", *SLOW).err == ""
    lines = shell("run", "mock", "-i", "in", *SLOW, "--progress=plain").err.splitlines()
    assert 2 <= len(lines) <= 13 and all(re.match(r"mock  \d+%", line) for line in lines), lines


async def test_messages_that_come_after_the_reply_do_no_harm(shell, client):
    async def answer(request):
        await request.respond(b"done")
        for _ in range(500):
            await client.nats.publish("darkroom.progress.late", b'{"fraction": 1}')

    await client.nats.subscribe("late.in", cb=answer)
    await client.nats.flush()
    for _ in range(10):
        done = await asyncio.to_thread(
            shell, "run", "--subject=late.in", "--job=late", "--progress=plain", "-o", "-"
        )
        assert done.out == b"done"


def test_bytes_are_kept_off_a_terminal(shell):
    shell.file("in.png", encode(quarters(16, 16)))
    jobs = shell.json("status")["hosts"][0]["jobs"]
    code, _, shown = on_screen(shell, "run", "photo-enhance-fast", "-i", "in.png", both=True)
    assert code == 2 and "an image" in shown and "-o FILE" in shown
    assert shell.json("status")["hosts"][0]["jobs"] == jobs  # told before any work was done


def test_tables_and_json_of_one_daemon(shell):
    assert shell("status").text.startswith("e2e-host: ready\n")
    models = shell("models").text.splitlines()
    assert models[0].split() == ["MODEL", "STATE", "PLUGIN", "QUEUE", "SUMMARY"]
    assert {line.split()[0] for line in models[1:]} == set(MODELS)
    one = shell("models", "photo-enhance-fast").text
    for words in ("darkroom.run.photo-enhance-fast", "scale", "image", "enhance "):
        assert words in one
    assert "DEVICE" in shell("ps").text and "no jobs" in shell("ps").text
    for command in ("status", "models", "ps"):
        answer = shell.json(command)
        assert set(answer) == {"hosts"} and [h["host"] for h in answer["hosts"]] == ["e2e-host"]
    assert shell("models", "ls").text.splitlines() == models
    assert shell("models", "show", "photo-enhance-fast").text == one
    assert shell("models", "show", code=2).err
    (only,) = shell.json("models", "echo")["hosts"][0]["models"]
    assert only["name"] == "echo"


def test_version_needs_no_server(shell):
    shell.environment["NATS_URL"] = "nats://127.0.0.1:1"
    version = shell.json("version")["version"]
    assert shell("--version").text == f"darkroom {version}\n"
    assert shell("version").text.startswith(f"darkroom {version}\n")


def test_several_daemons_are_told_apart(site, tmp_path):
    server = site.server().start()
    for name in ("host-b", "host-a"):
        config = {"nats": {"url": server.url}, "models": {"echo": {"plugin": "echo"}}}
        site.daemon(config, name).start()
    shell = Shell(tmp_path, server.url)
    for command in ("status", "models", "ps"):
        lines = shell(command).text.splitlines()
        assert lines[0].startswith("HOST"), lines
        assert [line.split()[0] for line in lines[1:3]] == ["host-a", "host-b"]
        assert [h["host"] for h in shell.json(command)["hosts"]] == ["host-a", "host-b"]


USERS = """
authorization { users: [
  { user: all, password: right },
  { user: reader, password: right,
    permissions: { publish: ["darkroom.control.*"], subscribe: ["_INBOX.>"] } },
  { user: runner, password: right,
    permissions: { publish: ["darkroom.run.*", "darkroom.control.*"], subscribe: ["_INBOX.>"] } },
] }
"""


def test_permissions(site, tmp_path):
    server = site.server()
    server.settings.write_text(server.settings.read_text() + USERS)
    server.start()

    def url(user: str, password: str = "right") -> str:
        return server.url.replace("://", f"://{user}:{password}@")

    models = {"mock": {"plugin": "mock"}}
    site.daemon({"nats": {"url": url("all")}, "models": models}).start()
    assert "refused" in Shell(tmp_path, url("all", "wrong"))("status", code=4).err

    reader = Shell(tmp_path, url("reader"))
    reader("status")
    denied = reader("run", "mock", "-i", "-", stdin=b"1", code=4).err
    assert "darkroom.run.mock" in denied and "right@" not in denied

    # Without the right to hear progress a job still runs.
    runner = Shell(tmp_path, url("runner"))
    assert runner("run", "mock", "-i", "-", "--progress=plain", *SLOW, stdin=b"1").out
    assert "cannot read the credentials" in runner("--creds", "none.creds", "status", code=8).err
