"""Tiny receivers: what a webhook, a witness or an OpenTelemetry collector would be."""

import contextlib
import http.server
import json
import threading


class Receiver:
    """Keeps every POST; answers as `statuses` say, then 200."""

    def __init__(self):
        self.posts = []
        self.statuses = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status = outer.statuses.pop(0) if outer.statuses else 200
                if status == 200:
                    outer.posts.append((self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *unused):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def bodies(self):
        return [json.loads(body) for _, _, body in list(self.posts)]

    def spans(self):
        return [span for body in self.bodies() for resource in body["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]


@contextlib.contextmanager
def receiver():
    made = Receiver()
    made._thread.start()
    try:
        yield made
    finally:
        made._server.shutdown()
        made._server.server_close()
