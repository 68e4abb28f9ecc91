# SPDX-License-Identifier: Apache-2.0
"""What whoever watches the daemon sees over HTTP: metrics, health, readiness, and one page for people."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import urllib.error
import urllib.request

import pytest

from harness import REPOSITORY, children_of, plugin_folder, wait_until

MODELS = {"e": {"plugin": "echo"}, "m": {"plugin": "mock", "queue": 4, "max_batch": 1, "instances": 1}}
CONFIG = {"http": {"listen": "127.0.0.1:0"}}
LINE = re.compile(r'([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$')


def port_of(daemon):
    return int(wait_until("a port", lambda: re.search(r"on http port (\d+)", daemon.log)).group(1))


def get(daemon, path, method="GET"):
    """status, headers, body"""
    request = urllib.request.Request(f"http://127.0.0.1:{port_of(daemon)}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def series(daemon):
    """name{labels} -> value, and name -> type."""
    status, headers, text = get(daemon, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            types[line.split()[2]] = line.split()[3]
        elif not line.startswith("#"):
            name, labels, value = LINE.match(line).groups()
            values[f"{name}{{{labels}}}" if labels else name] = float(value)
    return values, types


async def in_thread(function, *arguments):
    return await asyncio.to_thread(function, *arguments)


async def test_jobs_are_counted(client, daemon):
    before, _ = await in_thread(series, daemon)
    for _ in range(3):
        (await client.run("e", b"1")).ok()
    (await client.run("m", b"", params={"fail": "invalid_argument"})).failed("invalid_argument")
    (await client.run("m", b"", params={"no-such": 1})).failed("invalid_argument")
    after, types = await in_thread(series, daemon)
    succeeded = 'darkroom_jobs_total{class="interactive",model="e",outcome="succeeded"}'
    assert after[succeeded] - before.get(succeeded, 0) == 3
    assert after['darkroom_jobs_total{class="interactive",model="m",outcome="failed"}'] >= 1
    assert after['darkroom_requests_refused_total{code="invalid_argument",model="m"}'] >= 1
    for phase in ("queue", "load", "decode", "infer", "encode"):
        assert after[f'darkroom_job_duration_seconds_count{{model="e",phase="{phase}"}}'] >= 3
    assert after['darkroom_batch_size_count{model="e"}'] >= 3
    assert types["darkroom_jobs_total"] == "counter"
    assert types["darkroom_job_duration_seconds"] == "histogram"
    assert not any("job=" in name for name in after), "a label of which there is no end"


async def test_what_there_is_now(client, daemon):
    (await client.run("e", b"1")).ok()
    values, types = await in_thread(series, daemon)
    assert values["darkroom_ready"] == values["darkroom_nats_connected"] == 1
    assert values['darkroom_model_state{model="e",state="ready"}'] == 1
    assert values['darkroom_model_loads_total{model="e"}'] == 1
    assert values['darkroom_device_healthy{device="cpu"}'] == 1
    assert values['darkroom_workers{plugin="echo",device="cpu"}'] == 1
    assert values['darkroom_worker_crashes_total{plugin="echo",device="cpu"}'] == 0
    assert 1e6 < values["process_resident_memory_bytes"] < 1e9
    assert values["process_open_fds"] > 3 and values["process_start_time_seconds"] > 1.7e9
    assert types["process_cpu_seconds_total"] == "counter"


async def test_waiting_jobs_show(client, daemon):
    waiting = [asyncio.ensure_future(client.run("m", b"", params={"delay_ms": 1500})) for _ in range(4)]
    # One runs, and one is on its lane already.
    for _ in range(50):
        values, _ = await in_thread(series, daemon)
        if values['darkroom_queue_depth{model="m"}'] == 2:
            break
        await asyncio.sleep(0.02)
    assert values['darkroom_jobs_in_flight{state="running"}'] == 2
    assert values['darkroom_queue_oldest_seconds{model="m"}'] >= 0
    _, _, page = await in_thread(get, daemon, "/statusz")
    assert re.search(r"^  m +mock \S+ +\w+ +2 +2/4", page, re.M), page
    for one in await asyncio.gather(*waiting):
        one.ok()


def of(name, model="m"):
    return f'darkroom_plugin_mock_{name}{{model="{model}",device="cpu"}}'


async def plugin_series(daemon, name, least=1, model="m"):
    """All series, once this one of the plugin mock is there; a worker tells it just behind the reply."""

    def found():
        values, types = series(daemon)
        return (values, types) if values.get(of(name, model), -1) >= least else None

    return await in_thread(wait_until, f"{name} of {model}", found)


async def test_plugins_count_too(site, server, connect):
    models = {
        "m": {"plugin": "mock", "instances": 1, "keep_alive": "1h"},
        "other": {"plugin": "mock", "instances": 1},
        "more": {"plugin": "mock", "options": {"metrics": 100}, "instances": 1},
    }
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "counts"}, "models": models, "devices": [{"device": "cpu", "lanes": 2}],
                          "plugins": {"folder": str(plugin_folder())}, **CONFIG}, "counts").start()  # fmt: skip
    client = await connect(server.url)

    async def run(model, **params):
        return await client.request(f"counts.run.{model}", b"", params=params)

    for _ in range(3):
        (await run("m", delay_ms=20)).ok()
    (await run("other")).ok()
    (await run("m", fail="internal")).failed("internal")
    values, types = await plugin_series(daemon, "jobs_total", 4)
    await plugin_series(daemon, "jobs_total", 1, "other")
    assert values[of("jobs_total")] == 4
    assert values[of("loaded")] == 1
    assert values[of("work_seconds").replace("seconds{", "seconds_count{")] == 4
    assert values[of("work_seconds").replace("seconds{", "seconds_sum{")] >= 0.05
    assert [types[f"darkroom_plugin_mock_{n}"] for n in ("jobs_total", "loaded", "work_seconds")] == ["counter", "gauge", "summary"]

    # One that defines too many is told so, and has none of its own.
    (await run("more")).failed("resource_exhausted")
    assert re.search(r"warn.*mock: a plugin may define 64 metrics, and 'more_61' is one too many", daemon.log), daemon.log

    # A worker that is lost takes no count with it, but what it had not told.
    for pid in children_of(daemon.pid):
        os.kill(pid, signal.SIGKILL)
    (await run("m")).ok()
    values, _ = await plugin_series(daemon, "jobs_total", 5)
    assert (values[of("jobs_total")], values[of("loaded")]) == (5, 1)

    # With the plugin its figures go.
    assert json.loads((await client.request("counts.control.unload", b'{"plugin": "mock"}')).data)
    await in_thread(wait_until, "their end", lambda: not any("plugin_mock" in name for name in series(daemon)[0]))
    assert (await in_thread(daemon.stop)) == 0


async def test_plugins_in_the_daemon_count_too(site, server, connect):
    daemon = site.daemon({"nats": {"url": server.url, "prefix": "inside"}, "models": {"m": MODELS["m"]},
                          "plugins": {"folder": str(plugin_folder()), "isolation": "in-process"}, **CONFIG}, "inside").start()  # fmt: skip
    client = await connect(server.url)
    (await client.request("inside.run.m", b"")).ok()
    await plugin_series(daemon, "jobs_total")
    assert (await in_thread(daemon.stop)) == 0


async def test_every_documented_series_is_there_and_no_other(client, daemon):
    await client.run("e", b"1")
    await client.run("m", b"", params={"no-such": 1})
    await client.run("m", b"")
    await plugin_series(daemon, "jobs_total")
    values, types = await in_thread(series, daemon)
    documented = set(re.findall(r"^\| `((?:darkroom|process)_[a-z_]+)", (REPOSITORY / "docs/operations.md").read_text(), re.M))
    plugins = {name for name in types if name.startswith("darkroom_plugin_")}
    assert plugins and plugins <= set(re.findall(r"darkroom_plugin_mock_[a-z_]+", (REPOSITORY / "plugins/mock/README.md").read_text()))
    assert set(types) - plugins <= documented, set(types) - plugins - documented
    # Those of GPUs, and of what has not happened here, are families without a series.
    assert documented - set(types) <= {
        "darkroom_dead_letters_total", "darkroom_device_utilization_ratio", "darkroom_jobs_resumed_total", "darkroom_plugin_"}


def test_the_dashboard_and_the_alerts_use_series_that_there_are():
    names = set(re.findall(r"^\| `((?:darkroom|process)_[a-z_]+)", (REPOSITORY / "docs/operations.md").read_text(), re.M))
    for file in ("docs/grafana/darkroom.json", "docs/grafana/alerts.yaml"):
        used = set(re.findall(r"\b(?:darkroom|process)_[a-z_]+", (REPOSITORY / file).read_text()))
        assert used
        for name in used:
            assert re.sub("_(bucket|sum|count)$", "", name) in names or name in names, (file, name)


def test_health_and_readiness(daemon):
    assert get(daemon, "/healthz")[::2] == (200, "ok\n")
    assert get(daemon, "/readyz")[::2] == (200, "ready\n")


def test_one_page_for_people(daemon):
    status, headers, page = get(daemon, "/statusz?x=1")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    for word in ("darkroomd", "e2e-host", "connected", "devices", "models", "last errors", "echo"):
        assert word in page


def test_what_is_not_there(daemon):
    status, _, body = get(daemon, "/")
    assert status == 404 and "/metrics" in body
    assert get(daemon, "/metrics", "POST")[0] == 405
    status, headers, body = get(daemon, "/healthz", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "3", "")


def test_several_pages_over_one_connection(daemon):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(daemon), timeout=10)
    for path in ("/healthz", "/readyz", "/metrics", "/healthz"):
        connection.request("GET", path)
        assert connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize("sent", [b"\x00\xff" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 20_000,
                                  b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000,
                                  b"POST /metrics HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n"])
def test_nonsense_ends_the_connection_and_nothing_else(sent, daemon):
    with socket.create_connection(("127.0.0.1", port_of(daemon)), timeout=10) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except OSError:
            pass  # it has closed by now
    assert get(daemon, "/healthz")[0] == 200


def test_idle_connections_are_bounded(daemon):
    idle = [socket.create_connection(("127.0.0.1", port_of(daemon)), timeout=10) for _ in range(80)]
    # The last ones are closed at once.
    assert idle[-1].recv(1) == b""
    for one in idle:
        one.close()

    def has_room():
        try:
            return get(daemon, "/healthz")[0] == 200
        except ConnectionResetError:  # it has not seen yet that they are gone
            return False

    wait_until("room again", has_room)


def test_readiness_waits_for_nats(site):
    daemon = site.daemon({"nats": {"url": "nats://127.0.0.1:1"}, "models": MODELS, **CONFIG}, "lonely").launch()
    assert wait_until("a page", lambda: get(daemon, "/readyz"))[0] == 503
    status, _, body = get(daemon, "/readyz")
    assert status == 503 and "no connection" in body and "starting" in body
    assert get(daemon, "/healthz")[0] == 200
    daemon.stop()


def test_a_port_that_is_taken(site, server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        daemon = site.daemon({"nats": {"url": server.url}, "models": MODELS, "http": {"listen": address}}, "second").launch()
        assert daemon.wait() != 0
        assert address in daemon.log and "http.listen" in daemon.log


@pytest.mark.parametrize("listen", ["9470", "localhost", "127.0.0.1:", "127.0.0.1:99999", "1.2.3:80", ":80"])
def test_what_is_no_address_is_told(listen, site, server):
    daemon = site.daemon({"nats": {"url": server.url}, "models": MODELS, "http": {"listen": listen}}, "wrong").launch()
    assert daemon.wait() != 0
    assert "no address to listen on" in daemon.log
