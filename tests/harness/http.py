"""Plain HTTP without proxies or retries."""

import contextlib
import dataclasses
import http.client
import json
import urllib.parse

from harness import paths, sse


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def events(self):
        return sse.events_of(self.body)

    def __str__(self):
        return f"HTTP {self.status} {self.headers}\n{self.body[:2000].decode(errors='replace')}"


class Api:
    """One server and key. Every call opens a connection of its own; any thread."""

    def __init__(self, url, key):
        self.url = url
        self.key = key
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def _open(self, method, path, body, headers, key):
        sent = {k.lower(): v for k, v in (headers or {}).items()}
        if key is not None:
            sent.setdefault("authorization", f"Bearer {key}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=paths.PATIENCE_S)
        connection.request(method, path, body=body, headers=sent)
        return connection, connection.getresponse()

    def request(self, method, path, body=None, headers=None, key=...):
        key = self.key if key is ... else key
        connection, reply = self._open(method, path, body, headers, key)
        with contextlib.closing(connection):
            names = {k.lower(): v for k, v in reply.getheaders()}
            return Reply(reply.status, names, reply.read())

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body=body, **more)

    def chat(self, text="Say hi.", **more):
        body = {"model": paths.MODEL, "messages": [{"role": "user", "content": text}], **more}
        return self.post("/v1/chat/completions", body)

    @contextlib.contextmanager
    def stream(self, path, body):
        """A stream that is read event by event; leaving the block closes the connection."""
        connection, reply = self._open("POST", path, {**body, "stream": True}, None, self.key)
        try:
            assert reply.status == 200, reply.read()
            yield _events(reply)
        finally:
            reply.close()
            connection.close()

    def worker(self, model=paths.MODEL):
        """This model's row of /admin/workers, or None."""
        rows = self.get("/admin/workers").json()["workers"]
        return next((row for row in rows if row["model"] == model), None)

    def metric(self, name, **labels):
        """The value of one series of /metrics; 0 when it is not there."""
        for line in self.get("/metrics").body.decode().splitlines():
            head, _, value = line.rpartition(" ")
            series, _, rest = head.partition("{")
            if series == name and all(f'{k}="{v}"' in rest for k, v in labels.items()):
                return float(value)
        return 0.0


def _events(reply):
    reader = sse.Reader()
    while piece := reply.read1(65536):
        yield from reader.feed(piece)
    assert reader.whole(), "the stream ends inside an event"
