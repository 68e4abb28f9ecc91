# SPDX-License-Identifier: Apache-2.0
"""Previews of a job: only for those who ask for them twice, by header and by params, and before the reply."""

import asyncio
import json
import shutil
import subprocess

import pytest

from durable import Durable
from harness import wait_until
from pictures import decode
from shell import on_screen
from watching import run_and_watch

JETSTREAM = True
MODELS = {"steps": {"plugin": "mock-steps"}}
CONFIG = {"jobs": {"enabled": True}}
MOST_A_SECOND = 10
SLOW = {"steps": 10, "step_ms": 120, "seed": 7}  # longer a step than previews are apart at least


def parted(events) -> tuple[list[dict], list]:
    """Progress messages and previews. Whoever knows of no previews reads the former as ever."""
    bodies, previews = [], []
    for _, message in events:
        if (message.headers or {}).get("Content-Type") == "image/jpeg":
            previews.append(message)
        else:
            bodies.append(json.loads(message.data))
    return bodies, previews


def check(previews, job: str) -> list[float]:
    """Numbered from 1, whole JPEGs of the plugin's picture. Gives how much of each is red."""
    done = []
    for number, message in enumerate(previews, 1):
        assert message.headers["Darkroom-Job"] == job
        assert message.headers["Darkroom-Preview"] == str(number)
        picture = decode(message.data)
        assert picture.format == "JPEG" and picture.size == (64, 48) and picture.mode == "RGB"
        row = [picture.getpixel((x, 24)) for x in range(64)]
        plain = [max(red, blue) > 120 > green for red, green, blue in row]
        assert sum(plain) >= 58, row  # all but those where red meets blue
        done.append(sum(red > blue for red, _, blue in row) / 64)
    assert done == sorted(done), done
    return done


def after_every_second(done: list[float]):
    """Of ten steps. On a machine that is busy some may be missing, but not all."""
    assert len(set(done)) == len(done) >= 2 and all(abs(part * 5 - round(part * 5)) < 0.1 for part in done), done


async def test_previews_come_between_progress_and_before_the_reply(client):
    plain = (await client.run("steps", params=SLOW)).ok()
    reply, events, before = await run_and_watch(client, "steps", b"", "seen", params={**SLOW, "previews": 2})
    assert reply.ok().data == plain.data  # the sum of its steps
    assert len(events) == before, "a message after the reply"
    bodies, previews = parted(events)
    assert bodies and all(set(body) == {"job", "fraction", "stage"} for body in bodies)
    after_every_second(check(previews, "seen"))


@pytest.mark.parametrize("progress, previews", [(None, 1), ("0", 1), ("1", 0)])
async def test_none_unless_both_are_asked_for(progress, previews, client):
    params = {"steps": 4, "step_ms": 120, "previews": previews}
    reply, events, _ = await run_and_watch(client, "steps", b"", "quiet", progress, params=params)
    reply.ok()
    assert parted(events)[1] == [] and (progress == "1") == bool(events)


async def test_quick_ones_are_thinned(client):
    params = {"steps": 1000, "step_ms": 1, "previews": 1}
    reply, events, before = await run_and_watch(client, "steps", b"", "many", params=params)
    seconds = float(reply.ok().headers["Darkroom-Run-Ms"]) / 1000
    assert len(events) == before
    previews = parted(events)[1]
    check(previews, "many")
    assert 2 <= len(previews) <= MOST_A_SECOND * seconds + 1, f"{len(previews)} in {seconds:.2f} s"


async def test_jobs_that_share_steps_have_their_own(client):
    jobs = [run_and_watch(client, "steps", b"", name, params={**SLOW, "previews": every})
            for name, every in (("one", 1), ("two", 5))]
    for (reply, events, _), name, least in zip(await asyncio.gather(*jobs), ("one", "two"), (5, 1)):
        reply.ok()
        assert len(check(parted(events)[1], name)) >= least


async def test_in_the_daemon_itself_they_are_the_same(serve):
    _, client = await serve({"steps": {"plugin": "mock-steps"}}, {"isolation": "in-process"})
    reply, events, before = await run_and_watch(client, "steps", b"", "within", params={**SLOW, "previews": 2})
    reply.ok()
    assert len(events) == before
    after_every_second(check(parted(events)[1], "within"))


async def test_of_a_durable_job_whoever_listens_sees_them(client, js):
    jobs = Durable(client)
    subscription = await client.nats.subscribe("darkroom.progress.kept")
    await client.nats.flush()
    await jobs.submit("steps", job="kept", params={**SLOW, "previews": 2})
    assert (await jobs.ended("kept"))["state"] == "succeeded"
    await client.nats.flush()
    events = [(0, await subscription.next_msg()) for _ in range(subscription.pending_msgs)]
    assert check(parted(events)[1], "kept")
    assert json.loads((await jobs.reply("steps", "kept")).ok().data)["steps"] == 10


async def test_a_preview_that_does_not_fit_into_a_message_is_left_out(site, connect):
    """The smallest limit that a reply fits under."""
    server = site.server(max_payload=2700).start()
    daemon = site.daemon({"nats": {"url": server.url}, "models": MODELS})
    await asyncio.to_thread(daemon.start)
    client = await connect(server.url)
    reply, events, _ = await run_and_watch(client, "steps", b"", "small", params={**SLOW, "previews": 2})
    assert reply.json()["steps"] == 10
    bodies, previews = parted(events)
    assert bodies and not previews
    assert await asyncio.to_thread(daemon.stop) == 0


RUN = ("run", "steps", *(word for name, value in SLOW.items() for word in ("-p", f"{name}={value}")))


def test_the_command_keeps_the_newest_in_a_file(shell):
    shell.file("now.jpg", b"the one of before")
    done = shell(*RUN, "-p", "previews=9", "--preview", "now.jpg")
    assert json.loads(done.out)["steps"] == 10 and done.err == ""
    picture = decode(shell.read("now.jpg"))
    assert picture.format == "JPEG" and picture.size == (64, 48)
    assert sorted(path.name for path in shell.folder.iterdir()) == ["in", "now.jpg"]  # nothing is left beside it


def test_the_command_says_when_none_came(shell):
    done = shell("run", "steps", "-p", "steps=2", "--preview", "now.jpg")
    assert "none came" in done.err and "-p previews=5" in done.err
    assert not (shell.folder / "now.jpg").exists()
    assert shell("run", "steps", "-p", "steps=2", "--preview", "now.jpg", "-q").err == ""


def test_a_place_that_cannot_be_written_costs_no_work(shell):
    done = shell(*RUN, "-p", "previews=1", "--preview", "no/folder/now.jpg", code=3)
    assert "--preview" in done.err and "no/folder/now.jpg" in done.err and done.out == b""


def test_a_place_that_is_lost_is_told_once(shell):
    (shell.folder / "now").mkdir()
    process = shell.start(*RUN, "-p", "previews=1", "--preview", "now/now.jpg", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until("the first preview", lambda: (shell.folder / "now/now.jpg").exists(), 30)
    shutil.rmtree(shell.folder / "now")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(out)["steps"] == 10
    assert err.decode().count("darkroom: --preview: cannot write 'now/now.jpg'") == 1, err


def test_a_terminal_that_shows_jpegs_is_sent_them(shell):
    shell.environment.pop("TMUX", None)
    shell.environment |= {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}
    code, _, screen = on_screen(shell, *RUN, "-p", "previews=3", "--show", "--no-progress", both=True)
    assert code == 0 and screen.count("\x1b]1337;File=inline=1") >= 1, screen
    assert '"steps":10' in screen


def test_progress_is_shown_as_ever(shell):
    code, out, screen = on_screen(shell, *RUN, "-p", "previews=1", "--progress=bar")
    assert code == 0 and json.loads(out)["steps"] == 10
    assert "%" in screen and "\ufffd" not in screen and "JFIF" not in screen


def test_whoever_watches_a_durable_job_is_not_disturbed(shell):
    done = shell("submit", *RUN[1:], "-p", "previews=1", "--wait", "--progress=plain")
    assert json.loads(done.out)["steps"] == 10 and "step" in done.err
