"""One HTTP server that plays many OpenAI-compatible endpoints, each under a path of its own."""

import collections
import contextlib
import http.server
import json
import threading
import time


def chunk(text, finish=None):
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def _head(self, status, kind, length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def do_GET(self):
        body = b'{"data":[]}'
        self._head(200, "application/json", len(body))
        self.wfile.write(body)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.split("/")[1]
        self.server.endpoints.note(name, body, dict(self.headers))
        with contextlib.suppress(OSError):
            self.server.endpoints.answer(self, name, body)


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Endpoints:
    """Each says its own name, in two words; usage is 5 + 2. Threads may ask at once."""

    def __init__(self):
        self._lock = threading.Lock()
        self.asked = collections.Counter()  # by endpoint
        self.models = collections.Counter()  # by the model's name there
        self.keys = {}  # what each was last given as Authorization
        self.broken = set()  # those that answer 500
        self.cut = set()  # those that break off after their first word
        self.delay_s = 0  # before the first word
        self.gates = {}  # name → threading.Event that its second word waits for
        self._server = _Listener(("127.0.0.1", 0), _Handler)
        self._server.endpoints = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def note(self, name, body, headers):
        with self._lock:
            self.asked[name] += 1
            self.models[body.get("model")] += 1
            self.keys[name] = headers.get("Authorization")

    def answer(self, handler, name, body):
        if name in self.broken:
            handler._head(500, "application/json", 2)
            handler.wfile.write(b"{}")
            return
        time.sleep(self.delay_s)
        handler._head(200, "text/event-stream")
        handler.wfile.write(chunk(name))
        handler.wfile.flush()
        if name in self.cut:
            return
        if gate := self.gates.get(name):
            gate.wait(30)
        usage = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
        handler.wfile.write(chunk(" here") + chunk("", "stop") + usage + b"data: [DONE]\n\n")

    def close(self):
        for gate in self.gates.values():
            gate.set()
        self._server.shutdown()
        self._server.server_close()
