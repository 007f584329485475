"""The worker behind a server, asked over its own socket: its counters, and requests of any tenant."""

import contextlib
import http.client
import json
import socket

from harness import paths, sse
from harness.server import wait_until


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("worker", timeout=paths.PATIENCE_S)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Worker:
    """The one loaded worker of a server. Tenants of its requests are names: whom the gateway has checked. Any thread."""

    def __init__(self, server):
        self._home = server.home.root

    def _socket(self):
        return next((self._home / "data").rglob("*.sock"))

    def _exchange(self, method, path, body, headers):
        with contextlib.closing(_UnixConnection(self._socket())) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            reply = connection.getresponse()
            data = reply.read()
        assert reply.status == 200, data
        return json.loads(data)

    def stats(self):
        return self._exchange("GET", "/internal/stats", None, {})

    def view(self):
        """The live tree and the queue."""
        return self._exchange("GET", "/internal/engine", None, {})

    def complete(self, body, tenant):
        headers = {"Content-Type": "application/json", "X-Xingcha-Tenant": tenant}
        return self._exchange("POST", "/v1/completions", body, headers)

    def stream(self, path, body, tenant, resume=""):
        """The events of a stream. resume: what another worker left of the answer."""
        headers = {"Content-Type": "application/json", "X-Xingcha-Tenant": tenant}
        if resume:
            headers["X-Xingcha-Resume"] = str(len(resume.encode()))
        with contextlib.closing(_UnixConnection(self._socket())) as connection:
            connection.request("POST", path, resume + json.dumps(body), headers)
            reply = connection.getresponse()
            assert reply.status == 200, reply.read()
            reader = sse.Reader()
            while piece := reply.read1(65536):
                yield from reader.feed(piece)

    def hand_over(self):
        return self._exchange("POST", "/internal/handover", {}, {})

    def settled(self):
        """The counters once nothing runs and nothing waits."""
        def quiet():
            now = self.stats()
            return now if now["running"] == 0 and now["queued"] == 0 else None

        return wait_until(quiet, "the worker is idle")
