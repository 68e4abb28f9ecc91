# SPDX-License-Identifier: Apache-2.0
"""The daemon at a NATS server that asks who it is, over TLS, and at several of them that come and go."""

import asyncio
import os
import signal
import subprocess

import nats
import pytest

from client import Client, until
from harness import free_port, wait_until
from nkeys import Nkey, creds
from shell import Shell

MODELS = {"echo": {"plugin": "echo"}, "mock": {"plugin": "mock"}}
OPERATOR, ACCOUNT, USER = Nkey("operator"), Nkey("account"), Nkey("user")
LIMITS = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1,
          "leaf": -1}


def account_server() -> str:
    """A server's settings that believe the JWTs of OPERATOR's accounts alone."""
    operator = OPERATOR.jwt(OPERATOR, "operator", {"type": "operator"})
    account = OPERATOR.jwt(ACCOUNT, "account", {"type": "account", "limits": LIMITS})
    return (f"operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {ACCOUNT.public}: {account} }}\n")


def user_creds(user: Nkey = USER, account: Nkey = ACCOUNT) -> str:
    return creds(account.jwt(user, "user", {"type": "user", "subs": -1, "data": -1, "payload": -1}), user)


# How the daemon logs in: the server's settings, the configuration, the file that is named, its text.
WAYS = {
    "token": ("authorization { token: t0ken }\n", {"token_file": "secret"}, "t0ken\n"),
    "password": ("authorization { user: me, password: pass }\n", {"user": "me", "password_file": "secret"}, "pass"),
    "nkey": (f"authorization {{ users: [{{nkey: {USER.public}}}] }}\n", {"nkey": "secret"}, USER.seed + "\n"),
    "creds": (None, {"creds": "secret"}, None),
}
# The same in another's name, with which the server has nothing to do.
STRANGER = Nkey("user")
WRONG = {"token": "guessed", "password": "guessed", "nkey": STRANGER.seed,
         "creds": user_creds(STRANGER, Nkey("account"))}


def start_server(site, settings: str):
    server = site.server()
    with open(server.settings, "a") as file:
        file.write(settings)
    return server.start()


def make_daemon(site, settings: dict, files: dict, name="login"):
    daemon = site.daemon({"nats": settings, "models": MODELS}, name)
    for file, text in files.items():
        (daemon.folder / file).write_text(text)
    return daemon


def settings_of(way: str) -> tuple[str, dict, str]:
    settings, keys, text = WAYS[way]
    return settings or account_server(), keys, text or user_creds()


@pytest.mark.parametrize("way", WAYS)
def test_it_logs_in_and_what_is_wrong_is_told(site, way):
    settings, keys, text = settings_of(way)
    server = start_server(site, settings)
    daemon = make_daemon(site, {"url": server.url, **keys}, {"secret": WRONG[way]}).launch()
    wait_until("it to be refused", lambda: "Authorization Violation" in daemon.log, 20)
    assert "nats.url, creds, nkey" in daemon.log
    assert not daemon.ready() and text.strip() not in daemon.log and WRONG[way] not in daemon.log
    if way in ("token", "creds"):
        # It is read anew each time: nothing has to be started again.
        (daemon.folder / "secret").write_text(text)
    else:
        assert daemon.stop() == 0
        daemon = make_daemon(site, {"url": server.url, **keys}, {"secret": text}, "again").launch()
    wait_until("it to be ready", daemon.ready, 20)
    assert daemon.stop() == 0


@pytest.mark.parametrize("key, text, said", (
    ("creds", None, "cannot be read: No such file or directory"),
    ("creds", "SUAB", "has no user's JWT in it"),
    ("nkey", "hello", "there is no user's nkey seed in it"),
    ("nkey", USER.seed[:-3] + "AAA", "the checksum differs"),
    ("token_file", "\n", "is empty"),
))
def test_a_secret_that_is_none_ends_the_start(site, key, text, said):
    daemon = make_daemon(site, {"url": "nats://127.0.0.1:1", key: "secret"},
                         {} if text is None else {"secret": text}).launch()
    assert daemon.wait(20) == 78
    assert f"nats.{key}: '{daemon.folder}/secret'" in daemon.log and said in daemon.log
    assert "darkroom.yaml:4:" in daemon.log  # where the configuration names it


def test_a_secret_of_systemds_is_asked_for_by_name(site):
    named = "${CREDENTIALS_DIRECTORY}/darkroom.token"
    server = start_server(site, WAYS["token"][0])
    daemon = make_daemon(site, {"url": server.url, "token_file": named}, {}).launch()
    assert daemon.wait(20) == 78
    assert "${CREDENTIALS_DIRECTORY} is not set" in daemon.log and "LoadCredential=" in daemon.log
    daemon = make_daemon(site, {"url": server.url, "token_file": named}, {"darkroom.token": "t0ken"}, "given")
    daemon.environment["CREDENTIALS_DIRECTORY"] = str(daemon.folder)
    assert daemon.start().stop() == 0


class Authority:
    """Certificates for an hour, made by openssl."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.name = name
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                  "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def _run(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=True)

    def issue(self, name: str, about: str) -> tuple[str, str]:
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={about}\n")
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                  "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                  "-days", "1", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    @property
    def certificate(self) -> str:
        return str(self.folder / f"{self.name}.pem")


def tls(certificate: tuple[str, str], more: str = "") -> str:
    return f'tls {{ cert_file: "{certificate[0]}", key_file: "{certificate[1]}"{more} }}\n'


def secure_url(server) -> str:
    return server.url.replace("nats://", "tls://")


def test_tls_both_ways_and_again_after_a_loss(site, tmp_path):
    authority = Authority(tmp_path)
    server = start_server(site, tls(authority.issue("server", "IP:127.0.0.1"),
                                    f', ca_file: "{authority.certificate}", verify: true'))
    mine, key = authority.issue("daemon", "DNS:daemon")
    settings = {"url": secure_url(server), "tls": {"ca": authority.certificate, "cert": mine, "key": key}}
    daemon = make_daemon(site, settings, {}).start()
    server.kill()
    wait_until("the loss", lambda: "lost the connection" in daemon.log, 20)
    server.start()
    wait_until("it to be back", lambda: "connected to NATS again" in daemon.log, 20)
    assert daemon.stop() == 0


@pytest.mark.parametrize("wrong, said", (
    ("name", "IP address mismatch"),
    ("authority", "self-signed certificate|unable to get local issuer"),
    ("plain", "Secure Connection not available"),
))
def test_a_server_that_is_not_the_one_is_not_talked_to(site, tmp_path, wrong, said):
    authority = Authority(tmp_path)
    certificate = authority.issue("server", "DNS:elsewhere" if wrong == "name" else "IP:127.0.0.1")
    server = start_server(site, "" if wrong == "plain" else tls(certificate))
    ca = Authority(tmp_path, "other").certificate if wrong == "authority" else authority.certificate
    daemon = make_daemon(site, {"url": secure_url(server), "tls": {"ca": ca}}, {}).launch()
    wait_until("it to be told", lambda: any(one in daemon.log for one in said.split("|")), 20)
    assert not daemon.ready()


def cluster(site, count: int, settings: str = ""):
    """Servers that know each other."""
    ports = [free_port() for _ in range(count)]
    routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
    return [start_server(site, f'server_name: "s{number}"\n{settings}'
                         f'cluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{routes}] }}\n')
            for number, port in enumerate(ports)]


async def troubles(client) -> list[dict]:
    return (await client.control("status"))["nats"]["troubles"]


async def ask(client, subject: str):
    """A reply, or None: the daemon may be on its way to another server, and in a cluster an inbox takes a moment to be
    known everywhere."""
    try:
        return (await client.request(subject, b"1", timeout=1)).ok()
    except nats.errors.Error:
        return None


async def test_another_server_is_taken_when_one_is_lost(site, connect):
    servers = cluster(site, 2)
    daemon = make_daemon(site, {"url": [server.url for server in servers]}, {}).start()
    for lost, left in (servers, reversed(servers)):
        lost.kill()
        client = await connect(left.url)
        await until("it to have come", lambda: ask(client, "darkroom.run.echo"), 30)
        lost.start()
    assert daemon.stop() == 0


async def test_in_a_cluster_everybodys_first_request_is_answered(site, connect):
    """A server learns of an inbox before the request that it is for. If the reply took another server's way, it might be
    there before the inbox is known, and be thrown away."""
    servers = cluster(site, 3)
    daemon = make_daemon(site, {"url": [server.url for server in servers]}, {}).start()
    for server in servers:
        client = await connect(server.url)
        await until("all servers to know of the daemon", lambda: ask(client, "darkroom.run.echo"), 30)
    for number in range(90):
        client = await connect(servers[number % 3].url)
        (await client.request("darkroom.run.echo", b"1", timeout=5)).ok()
        await client.close()
    assert daemon.stop() == 0


async def test_a_server_that_is_about_to_stop_is_told_of_and_left(site, connect):
    servers = cluster(site, 2, 'lame_duck_duration: "30s"\nlame_duck_grace_period: "10s"\n')
    # The other one is not named: the first tells of it.
    daemon = make_daemon(site, {"url": servers[0].url}, {}).start()
    client = await connect(servers[1].url)
    await until("it to answer", lambda: ask(client, "darkroom.run.echo"), 30)
    os.kill(servers[0].pid, signal.SIGUSR2)
    wait_until("word of it", lambda: daemon.log.count("is about to stop") == 2, 20)  # intake and replies
    reply = await until("it to answer", lambda: ask(client, "darkroom.control.status"), 30)
    told = reply.json()["nats"]
    assert told["lame_duck"] and [one["kind"] for one in told["troubles"]] == ["lame_duck"] * 2
    servers[0].kill()
    await until("it to have gone to the other", lambda: ask(client, "darkroom.run.echo"), 30)
    assert not (await ask(client, "darkroom.control.status")).json()["nats"]["lame_duck"]
    assert daemon.stop() == 0


async def test_a_right_that_lacks_is_shown(site, connect, tmp_path):
    server = start_server(site, "authorization { users: [\n"
                          '{user: d, password: d, permissions: {publish: {deny: ["darkroom.progress.>"]}}}\n'
                          "{user: c, password: c} ] }\n")
    daemon = make_daemon(site, {"url": server.url, "user": "d", "password_file": "secret"}, {"secret": "d"}).start()
    url = server.url.replace("//", "//c:c@")
    client = await connect(url)
    daemon_word = 'Permissions Violation for Publish to "darkroom.progress.p"'
    for _ in range(3):
        (await client.run("mock", b"", params={"delay_ms": 100, "progress_steps": 2}, Darkroom_Job="p",
                          Darkroom_Progress="1")).ok()
    shell = Shell(tmp_path, url)
    found = await until("word of it", lambda: troubles(client))
    assert found[0]["kind"] == "permission" and found[0]["what"] == daemon_word
    assert daemon.log.count(daemon_word) == 1
    shown = await asyncio.to_thread(shell, "status")
    assert daemon_word in shown.text
    assert daemon.stop() == 0
