# SPDX-License-Identifier: Apache-2.0
"""A model hub on loopback, with the API of Hugging Face's, that can be told to do wrong.

Files come from a second port, as those of hubs come from elsewhere: the hub redirects there.
"""

import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAGE = 4  # files
LARGE = 1000  # bytes: from here on the hub knows a SHA-256
SECRET = "hf_secret"


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class HubServer:
    """`faults` maps a path's end to a list: what happens at the first request for it, the second, and so on. A fault is a
    status, ("cut", bytes) or ("flip",); None is none. `asked` counts the requests of files, `ranges` are theirs."""

    def __init__(self, repositories: dict[str, dict[str, bytes]], private: set[str] = frozenset()):
        self.repositories = repositories
        self.private = private
        self.faults: dict[str, list] = {}
        self.retry_after = "0"
        self.does_ranges = True
        self.asked: Counter = Counter()
        self.ranges: dict[str, list] = {}
        self.tokens_elsewhere: list[str] = []
        self._lock = threading.Lock()
        self.hub, self.store = self._serve(self._answer_api), self._serve(self._answer_file)
        self.url = f"http://127.0.0.1:{self.hub.server_port}"

    def _serve(self, answer) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            def reply(self, status: int, body: bytes = b"", **headers: str):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def close(self):
        for server in (self.hub, self.store):
            server.shutdown()
            server.server_close()

    def fault(self, path: str):
        with self._lock:
            for end, left in self.faults.items():
                if path.endswith(end) and left:
                    return left.pop(0)
        return None

    def _answer_api(self, request):
        url = urlsplit(request.path)
        path = unquote(url.path)
        if path.startswith("/api/") and isinstance(status := self.fault(path), int):
            return request.reply(status, b"{}", Retry_After=self.retry_after)
        known = next((name for name in self.repositories if path.startswith((f"/api/models/{name}/", f"/{name}/"))), None)
        if known is None or known in self.private and request.headers["Authorization"] != f"Bearer {SECRET}":
            # As the hub does: who may not see it is not told that it is there.
            return request.reply(401, b'{"error": "Invalid username or password."}')
        files = self.repositories[known]
        if path.startswith("/api/models/"):
            what = path.removeprefix(f"/api/models/{known}/")
            if what.startswith("revision/"):
                if what not in ("revision/main", f"revision/{COMMIT}"):
                    return request.reply(404, b"{}", X_Error_Message="Invalid rev id: nonsuch")
                return request.reply(200, json.dumps({"id": known, "sha": COMMIT}).encode())
            page = int(parse_qs(url.query).get("page", ["0"])[0])
            return self._answer_tree(request, known, sorted(files.items()), page)
        target = path.removeprefix(f"/{known}/resolve/{COMMIT}/")
        if target not in files:
            return request.reply(404, b"Entry not found")
        request.reply(302, Location=f"http://127.0.0.1:{self.store.server_port}/{known}/{target}")

    def _answer_tree(self, request, name: str, files: list, page: int):
        entries = [{"type": "directory", "path": "folder", "size": 0, "oid": "0" * 40}] if page == 0 else []
        for path, data in files[PAGE * page:PAGE * (page + 1)]:
            entry = {"type": "file", "path": path, "size": len(data), "oid": git_id(data)}
            if len(data) >= LARGE:
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        headers = {}
        if PAGE * (page + 1) < len(files):
            headers["Link"] = f'<{self.url}/api/models/{name}/tree/{COMMIT}?recursive=true&page={page + 1}>; rel="next"'
        request.reply(200, json.dumps(entries).encode(), **headers)

    def _answer_file(self, request):
        path = unquote(request.path)[1:]
        name = next(name for name in self.repositories if path.startswith(f"{name}/"))
        file = path.removeprefix(f"{name}/")
        data = self.repositories[name][file]
        asked = request.headers["Range"]
        with self._lock:
            self.asked[file] += 1
            self.ranges.setdefault(file, []).append(asked)
            if request.headers["Authorization"]:
                self.tokens_elsewhere.append(path)
        fault = self.fault(path)
        if isinstance(fault, int):
            return request.reply(fault, b"no", Retry_After=self.retry_after)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.does_ranges else 0
        if start and start >= len(data):
            return request.reply(416, Content_Range=f"bytes */{len(data)}")
        body = data[start:]
        if fault == ("flip",):
            body = body[:-1] + bytes([body[-1] ^ 1])
        request.send_response(206 if asked and self.does_ranges else 200)
        if asked and self.does_ranges:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if fault and fault[0] == "cut":
            request.wfile.write(body[:fault[1]])
            request.close_connection = True
            return
        request.wfile.write(body)
