# SPDX-License-Identifier: Apache-2.0
"""Traces of jobs: in which trace they are, what replies say of it, and what a collector is sent."""

import asyncio
import json
import re
import time

import pytest

from collector import Collector
from harness import wait_until
from durable import Durable
from test_http import series

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])\Z")
JETSTREAM = True
MODELS = {
    "e": {"plugin": "echo"},
    "m": {"plugin": "mock", "instances": 1},
    "slow": {"plugin": "mock", "options": {"load_delay_ms": 200}},
    "s": {"plugin": "mock-steps"},
}
NAMES = {"queue", "load", "decode", "infer", "encode", "publish"}
OF_A_JOB = {
    "messaging.system", "messaging.operation.type", "darkroom.job.id", "darkroom.job.class", "darkroom.job.state",
    "darkroom.job.attempts", "darkroom.model", "darkroom.plugin", "darkroom.plugin.version", "darkroom.device",
    "darkroom.batch.size",
}  # fmt: skip


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()
    assert not collector.wrong


@pytest.fixture(scope="module")
def daemon(module_site, server, collector):
    """As the fixture of all files, with the collector's address."""
    secrets = module_site.path("secret") / "headers"
    secrets.write_text("# for the collector\nAuthorization: Bearer hunter2\n")
    daemon = module_site.daemon({
        "nats": {"url": server.url}, "models": MODELS, "jobs": {"enabled": True, "inline_bytes": "256KiB"},
        "http": {"listen": "127.0.0.1:0"}, "devices": [{"device": "cpu", "lanes": 1}],
        "tracing": {"endpoint": collector.url, "headers_file": str(secrets)},
    }, "traced").start()  # fmt: skip
    yield daemon
    assert daemon.stop() == 0, daemon.log[-8000:]
    assert "hunter2" not in daemon.log


def context(reply):
    """trace, span, flags of a reply's header"""
    return PARENT.match(reply.headers["traceparent"]).groups()


async def trace_of(collector, reply):
    job = reply.headers["Darkroom-Job"]
    return (await asyncio.to_thread(collector.job, job)).check()


async def test_a_job_in_the_requesters_trace(client, collector):
    reply = (await client.run("e", b"hello", traceparent=SAMPLED, tracestate="congo=t61,rojo=00f0")).ok()
    found = await trace_of(collector, reply)
    assert context(reply) == (TRACE, found.own.id, "01")
    assert reply.headers["tracestate"] == found.own.state == "congo=t61,rojo=00f0"
    assert (found.own.trace, found.own.parent, found.own.flags) == (TRACE, SPAN, 769)
    assert found.own.name == "process e" and found.own.kind == 2 and not found.own.failed
    assert [n for n in found.names() if n != "load"] == ["queue", "decode", "infer", "encode", "publish"]
    version = found.own.attributes.pop("darkroom.plugin.version")
    assert reply.headers["Darkroom-Plugin"].split()[1] == version
    assert found.own.attributes == {
        "messaging.system": "nats", "messaging.operation.type": "process", "darkroom.job.id": reply.headers["Darkroom-Job"],
        "darkroom.job.class": "interactive", "darkroom.job.state": "succeeded", "darkroom.job.attempts": 1,
        "darkroom.model": "e", "darkroom.plugin": "echo", "darkroom.device": "cpu", "darkroom.batch.size": 1,
    }  # fmt: skip
    assert found.step("infer").attributes == {"darkroom.device": "cpu", "darkroom.batch.size": 1}
    assert all(not step.attributes for step in found.steps if step.name != "infer")
    assert all(step.flags == 257 and not step.failed for step in found.steps)
    assert collector.requests[-1][2]["Authorization"] == "Bearer hunter2"


async def test_a_trace_begins_here(client, collector):
    first, second = [(await client.run("e", b"1")).ok() for _ in range(2)]
    found = await trace_of(collector, first)
    assert context(first) == (found.own.trace, found.own.id, "01")
    assert not found.own.parent and found.own.flags == 257 and "tracestate" not in first.headers
    assert context(first)[0] != context(second)[0]


@pytest.mark.parametrize("wrong", ["", "nonsense", SAMPLED + "-more", SAMPLED.upper(), f"00-{'0' * 32}-{SPAN}-01",
                                   f"ff-{TRACE}-{SPAN}-01", "0" * 3000])
async def test_what_is_malformed_begins_a_new_trace(wrong, client, collector):
    reply = (await client.run("e", b"1", traceparent=wrong, tracestate="congo=t61")).ok()
    found = await trace_of(collector, reply)
    assert found.own.trace != TRACE and not found.own.parent
    assert found.own.state == "" and "tracestate" not in reply.headers


async def test_a_state_that_is_malformed_is_dropped_alone(client, collector):
    reply = (await client.run("e", b"1", traceparent=SAMPLED, tracestate="no state")).ok()
    assert (await trace_of(collector, reply)).own.trace == TRACE
    assert "tracestate" not in reply.headers


async def test_what_is_not_sampled_is_passed_on_and_not_recorded(client, collector):
    reply = (await client.run("e", b"1", traceparent=UNSAMPLED, tracestate="a=b")).ok()
    assert reply.headers["traceparent"] == UNSAMPLED and reply.headers["tracestate"] == "a=b"
    # One behind it that is recorded shows that there was time for it.
    await trace_of(collector, (await client.run("e", b"1")).ok())
    ids = [span.attributes.get("darkroom.job.id") for span in collector.spans()]
    assert reply.headers["Darkroom-Job"] not in ids


async def test_the_load_is_seen_by_who_waited_for_it(client, collector):
    first = await trace_of(collector, (await client.run("slow", b"1")).ok())
    assert first.names() == ["queue", "load", "decode", "infer", "encode", "publish"]
    load = first.step("load")
    assert load.end - load.start >= 150e6
    assert first.step("queue").end == load.start
    second = await trace_of(collector, (await client.run("slow", b"1")).ok())
    assert second.names() == ["queue", "decode", "infer", "encode", "publish"]


async def test_jobs_of_one_batch_have_a_trace_each(client, collector):
    blocker = asyncio.ensure_future(client.run("m", b"", params={"delay_ms": 300}))
    await asyncio.sleep(0.1)
    replies = await asyncio.gather(*(client.run("m", b"", params={"batch_ms": 20, "seed": n}) for n in range(3)))
    (await blocker).ok()
    found = [await trace_of(collector, reply.ok()) for reply in replies]
    assert max(one.own.attributes["darkroom.batch.size"] for one in found) > 1
    assert len({one.own.trace for one in found}) == 3
    for one in found:
        infer = one.step("infer")
        assert infer.end - infer.start >= 15e6
        assert infer.attributes["darkroom.batch.size"] == one.own.attributes["darkroom.batch.size"]


async def test_a_job_in_steps(client, collector):
    reply = (await client.run("s", b"", params={"steps": 5, "step_ms": 2})).ok()
    found = await trace_of(collector, reply)
    assert found.step("infer").attributes["darkroom.steps"] == 5


async def test_failures_say_of_what_kind_and_not_in_what_words(client, collector):
    reply = await client.run("m", b"", params={"fail": "internal", "message": "s3cret words"}, traceparent=SAMPLED)
    found = await trace_of(collector, reply.failed("internal"))
    assert context(reply) == (TRACE, found.own.id, "01")
    assert found.own.failed and found.own.attributes["error.type"] == "internal"
    assert found.own.attributes["darkroom.job.state"] == "failed"
    late = await client.run("m", b"", params={"delay_ms": 5000}, Darkroom_Deadline="200ms")
    found = await trace_of(collector, late.failed("deadline_exceeded"))
    assert found.own.attributes["darkroom.job.state"] == "expired"
    assert "s3cret" not in str([span.attributes for span in collector.spans()])


async def test_a_job_that_never_ran_has_waited(client, collector):
    blocker = asyncio.ensure_future(client.run("m", b"", params={"delay_ms": 800}))
    await asyncio.sleep(0.1)
    ahead = asyncio.ensure_future(client.run("m", b"", params={"seed": 1, "delay_ms": 1}))
    waits = [client.run("m", b"", params={"delay_ms": n}, Darkroom_Deadline="150ms") for n in (2, 3)]
    replies = await asyncio.gather(*waits)
    await asyncio.gather(blocker, ahead)
    never = [r for r in replies if "Darkroom-Attempts" not in r.failed("deadline_exceeded", "busy").headers
             and r.code == "deadline_exceeded"]
    for reply in never:
        found = await trace_of(collector, reply)
        assert found.names() == ["queue", "publish"] and found.own.failed


async def test_refusals_pass_the_trace_on(client):
    reply = (await client.run("m", b"", params={"no-such": 1}, traceparent=SAMPLED)).failed("invalid_argument")
    assert reply.headers["traceparent"] == SAMPLED
    assert "traceparent" not in (await client.run("m", b"", params={"no-such": 1})).headers


async def test_progress_is_in_the_trace(client):
    notes = await client.nats.subscribe("darkroom.progress.traced-1")
    reply = (await client.run("m", b"", params={"delay_ms": 50, "progress_steps": 2}, traceparent=SAMPLED,
                              Darkroom_Job="traced-1", Darkroom_Progress="1")).ok()  # fmt: skip
    note = await notes.next_msg(timeout=10)
    assert note.headers["traceparent"] == reply.headers["traceparent"]


async def test_a_large_result_is_stored_within_publish(client, js, collector):
    reply = (await client.run("m", b"", params={"output_bytes": 400_000})).ok()
    assert reply.headers["Darkroom-Object"]
    found = await trace_of(collector, reply)
    assert found.names()[-1] == "publish" and found.step("publish").start >= found.step("encode").end


async def test_durable_jobs(client, js, collector):
    durable = Durable(client)
    forwarded = await client.nats.subscribe("answers")
    await durable.submit("e", b"1", "traced-2", traceparent=SAMPLED, tracestate="a=b", Darkroom_Reply_To="answers")
    await durable.ended("traced-2")
    reply = await durable.reply("e", "traced-2")
    found = (await asyncio.to_thread(collector.job, "traced-2")).check()
    assert context(reply) == (TRACE, found.own.id, "01") and reply.headers["tracestate"] == "a=b"
    assert (await forwarded.next_msg(timeout=10)).headers["traceparent"] == reply.headers["traceparent"]
    assert found.own.kind == 5 and found.own.parent == SPAN
    assert found.own.attributes["darkroom.job.class"] == "normal"
    assert [n for n in found.names() if n != "load"] == ["queue", "decode", "infer", "encode", "publish"]


async def test_the_attempts_of_a_durable_job_are_one_trace(client, js, collector):
    durable = Durable(client)
    await durable.submit("m", b"", "traced-3", params={"fail": "instance_lost"})
    await durable.ended("traced-3", 60)

    def attempts(spans):
        own = [s for s in spans if s.attributes.get("darkroom.job.id") == "traced-3"]
        return own if any(s.attributes.get("darkroom.job.state") == "failed" for s in own) else None

    own = collector.wait("its attempts", attempts)
    assert len({s.trace for s in own}) == 1 and all(s.failed and not s.parent for s in own)
    assert context(await durable.reply("m", "traced-3"))[0] == own[0].trace
    letter = await js.get_last_msg("DARKROOM_DEAD", "darkroom.dead.m.traced-3")
    assert PARENT.match(letter.headers["traceparent"])[1] == own[0].trace


def test_a_collector_that_is_busy_is_asked_again_when_it_says(site, server, collector, loop, connect):
    wait = 2
    collector.answers = [(429, {"Retry-After": str(wait)}), 503]
    before = len(collector.requests)
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "busy"}, "models": {"e": {"plugin": "echo"}},
                          "tracing": {"endpoint": collector.url}}, "busy").start()  # fmt: skip
    client = loop.run_until_complete(connect(server.url))
    reply = loop.run_until_complete(client.request("busy.run.e", b"1")).ok()
    collector.job(reply.headers["Darkroom-Job"]).check()
    (first, _, _), (second, _, _), (third, _, _) = collector.requests[before:]
    assert [status for _, status, _ in collector.requests[before:]] == [429, 503, 200]
    assert second - first >= wait and third > second
    assert daemon.stop() == 0
    assert "traces are not taken" in daemon.log and "429" in daemon.log and "taken again" in daemon.log


def counts(daemon):
    values, _ = series(daemon)
    return {one: values[f'darkroom_trace_spans_total{{outcome="{one}"}}'] for one in ("exported", "dropped", "rejected")}


def test_what_a_collector_refuses_is_not_sent_again(site, server, collector, loop, connect):
    collector.answers = [400]
    before = len(collector.requests)
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "wrong"}, "models": {"e": {"plugin": "echo"}},
                          "http": {"listen": "127.0.0.1:0"}, "tracing": {"endpoint": collector.url}}, "wrong").start()  # fmt: skip
    client = loop.run_until_complete(connect(server.url))
    loop.run_until_complete(client.request("wrong.run.e", b"1")).ok()
    rejected = wait_until("the refusal", lambda: counts(daemon)["rejected"])
    assert rejected in (6, 7)  # with a load, or without
    reply = loop.run_until_complete(client.request("wrong.run.e", b"1")).ok()
    collector.job(reply.headers["Darkroom-Job"])
    assert [status for _, status, _ in collector.requests[before:]] == [400, 200]
    wait_until("the count", lambda: counts(daemon) == {"exported": 6, "dropped": 0, "rejected": rejected})
    assert daemon.stop() == 0 and "tracing.endpoint" in daemon.log


async def test_a_collector_that_is_away_costs_no_job_anything(site, server, connect):
    daemon = site.daemon({
        "nats": {"url": server.url, "prefix": "away"}, "models": {"e": {"plugin": "echo", "queue": 1000}},
        "http": {"listen": "127.0.0.1:0"},
        "tracing": {"endpoint": "http://127.0.0.1:1", "queue": 100},
    }, "away").start()  # fmt: skip
    client = await connect(server.url)
    for reply in await asyncio.gather(*(client.request("away.run.e", b"1") for _ in range(300))):
        reply.ok()
    dropped = (await asyncio.to_thread(counts, daemon))["dropped"]
    assert 300 * 6 - 100 - 512 <= dropped <= 300 * 7
    assert (await asyncio.to_thread(daemon.stop)) == 0
    assert daemon.log.count("traces cannot be sent") == 1


async def test_a_collector_that_is_slow_holds_up_neither_jobs_nor_the_end(site, server, connect, collector):
    def slow():
        time.sleep(20)
        return 200

    collector.answers = [slow]
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "slow"}, "models": {"e": {"plugin": "echo"}},
                          "tracing": {"endpoint": collector.url, "timeout": "60s"}}, "slow").start()  # fmt: skip
    client = await connect(server.url)
    (await client.request("slow.run.e", b"1")).ok()
    await asyncio.to_thread(wait_until, "the request", lambda: not collector.answers)
    for _ in range(20):
        (await client.request("slow.run.e", b"1", timeout=10)).ok()
    assert (await asyncio.to_thread(daemon.stop)) == 0


async def test_what_is_left_is_sent_when_the_daemon_ends(site, server, connect, collector):
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "ends"}, "models": {"e": {"plugin": "echo"}},
                          "tracing": {"endpoint": collector.url}}, "ends").start()  # fmt: skip
    client = await connect(server.url)
    replies = [(await client.request("ends.run.e", b"1")).ok() for _ in range(3)]
    assert (await asyncio.to_thread(daemon.stop)) == 0
    for reply in replies:
        await trace_of(collector, reply)


async def test_a_part_of_the_traces(site, server, connect, collector):
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "some"}, "models": {"e": {"plugin": "echo", "queue": 1000}},
                          "tracing": {"endpoint": collector.url, "ratio": 0.5}}, "some").start()  # fmt: skip
    client = await connect(server.url)
    replies = await asyncio.gather(*(client.request("some.run.e", b"1") for _ in range(200)))
    flags = [context(reply.ok())[2] for reply in replies]
    assert 60 <= flags.count("01") <= 140  # of 200, six deviations
    # The requester's word counts more.
    assert context(await client.request("some.run.e", b"1", traceparent=SAMPLED))[2] == "01"
    assert (await asyncio.to_thread(daemon.stop)) == 0
    sent = {span.attributes.get("darkroom.job.id") for span in collector.spans()}
    for reply, flag in zip(replies, flags):
        assert (reply.headers["Darkroom-Job"] in sent) == (flag == "01")


async def test_without_a_collector_traces_are_passed_on(site, server, connect):
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "off"}, "models": {"e": {"plugin": "echo"}}}, "off").start()
    client = await connect(server.url)
    reply = (await client.request("off.run.e", b"1", traceparent=SAMPLED, tracestate="a=b")).ok()
    assert (reply.headers["traceparent"], reply.headers["tracestate"]) == (SAMPLED, "a=b")
    assert "traceparent" not in (await client.request("off.run.e", b"1")).headers
    assert (await asyncio.to_thread(daemon.stop)) == 0


@pytest.mark.parametrize("wrong, words", [("https://x", "does not speak TLS"), ("http://u:p@x", "headers_file")])
def test_an_endpoint_that_cannot_be(wrong, words, site, server):
    daemon = site.daemon({"nats": {"url": server.url}, "models": MODELS, "tracing": {"endpoint": wrong}}, "no").launch()
    assert daemon.wait() == 78
    assert words in daemon.log and "tracing.endpoint" in daemon.log


async def test_the_command_passes_the_trace_on(daemon, shell, collector):
    shell.environment |= {"TRACEPARENT": SAMPLED, "TRACESTATE": "a=b"}
    for command in ("run", "submit"):
        wait = ["--wait"] if command == "submit" else []
        done = await asyncio.to_thread(shell, command, "e", "-i", "in", "-o", f"out-{command}", *wait, "--json")
        found = (await asyncio.to_thread(collector.job, json.loads(done.out)["job"])).check()
        assert (found.own.trace, found.own.parent, found.own.state) == (TRACE, SPAN, "a=b"), command
