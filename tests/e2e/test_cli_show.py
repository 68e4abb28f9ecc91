# SPDX-License-Identifier: Apache-2.0
"""`darkroom run --show`: a picture on a terminal that can show one, and words where it cannot."""

import asyncio
import base64
import re

import pytest

from harness import weights_path
from pictures import decode, encode, quarters
from shell import Shell, on_screen

MODELS = {
    "echo": {"plugin": "echo"},
    "photo": {"plugin": "enhance", "weights": str(weights_path("realesr-animevideov3-x4"))},
}
KITTY = {"TERM": "xterm-kitty"}
ITERM = {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}
OF_TERMINALS = ("KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL", "KONSOLE_VERSION", "TMUX")


@pytest.fixture
def shell(daemon, server, tmp_path):
    shell = Shell(tmp_path, server.url)
    for name in OF_TERMINALS:
        shell.environment.pop(name, None)
    shell.file("in.png", encode(quarters(24, 16)))
    return shell


def drawn_by_kitty(screen: str) -> bytes:
    """What the terminal would put together of the pieces."""
    pieces = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", screen)
    assert pieces[0][0].startswith("a=T,f=100")
    assert [keys[-3:] for keys, _ in pieces] == ["m=1"] * (len(pieces) - 1) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in pieces)
    return base64.b64decode("".join(data for _, data in pieces))


def drawn_by_iterm(screen: str) -> bytes:
    size, data = re.search(r"\x1b\]1337;File=inline=1;size=(\d+)[^:]*:([A-Za-z0-9+/=]+)\x07", screen).groups()
    assert len(base64.b64decode(data)) == int(size)
    return base64.b64decode(data)


def run(shell, *arguments, terminal):
    shell.environment |= terminal
    return on_screen(shell, "run", "photo", "-i", "in.png", "-p", "scale=2", "--no-progress", "--show", *arguments, both=True)


def test_kitty_is_sent_the_picture(shell):
    code, _, screen = run(shell, terminal=KITTY)
    assert code == 0, screen
    image = decode(drawn_by_kitty(screen))
    assert (image.format, image.size) == ("PNG", (48, 32))


def test_the_picture_is_written_besides(shell):
    code, _, screen = run(shell, "-o", "out.jpg", terminal=ITERM)
    assert code == 0 and drawn_by_iterm(screen) == shell.read("out.jpg")
    assert decode(shell.read("out.jpg")).format == "JPEG" and "out.jpg" in screen


def test_what_kitty_cannot_show_is_told(shell):
    code, _, screen = run(shell, "-o", "out.jpg", terminal=KITTY)
    assert code == 0 and decode(shell.read("out.jpg")).size == (48, 32)
    assert "shows PNG" in screen and "\x1b_G" not in screen
    code, _, screen = run(shell, "--accept", "jpg", terminal=KITTY)
    assert code != 0 and "--accept png" in screen


def jobs(shell):
    return shell.json("status")["hosts"][0]["jobs"]


@pytest.mark.parametrize("terminal, words", [({"TERM": "xterm"}, "not known to show pictures"),
                                             ({**ITERM, "TMUX": "/tmp/x,1,0"}, "tmux")])
def test_a_terminal_that_cannot_is_told_so(terminal, words, shell):
    before = jobs(shell)
    code, _, screen = run(shell, terminal=terminal)
    assert code != 0 and words in screen and "-o FILE" in screen
    assert jobs(shell) == before  # before any work was done
    code, _, screen = run(shell, "-o", "out.png", terminal=terminal)
    assert code == 0 and words in screen and decode(shell.read("out.png")).size == (48, 32)


def test_a_pipe_is_no_terminal(shell):
    shell.environment |= KITTY
    done = shell("run", "photo", "-i", "in.png", "--show", "-o", "out.png")
    assert done.out == b"" and "no terminal" in done.err
    assert "no terminal" in shell("run", "photo", "-i", "in.png", "--show", code=2).err
    for other in (["--json"], ["-o", "-"]):
        assert "both want standard output" in shell("run", "photo", "-i", "in.png", "--show", *other, code=2).err


async def test_text_is_shown_as_ever_and_other_bytes_are_not(shell, client):
    async def answer(request):
        kind, _, body = request.data.partition(b" ")
        await client.nats.publish(request.reply, body, headers={"Content-Type": kind.decode()})

    await client.nats.subscribe("of.any.kind", cb=answer)
    await client.nats.flush()
    shell.environment |= ITERM

    async def ask(body):
        shell.file("body", body)
        return await asyncio.to_thread(on_screen, shell, "run", "--subject=of.any.kind", "-i", "body", "--no-progress", "--show", both=True)

    assert (await ask(b"text/plain hello"))[::2] == (0, "hello\r\n")
    code, _, screen = await ask(b"application/octet-stream \x00\x01")
    assert code != 0 and "which a terminal cannot hold" in screen
