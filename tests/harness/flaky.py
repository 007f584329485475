"""An OpenAI endpoint that counts its tokens: slow enough to be left in the middle, and with faults where asked."""

import collections
import contextlib
import http.server
import json
import random
import select
import threading
import time

PROMPT_TOKENS, OUT = 20, 16
OVERLOADED = b'{"error":{"message":"overloaded","type":"server_error"}}'
FAULTS = ("500", "cut", "hang", "error", "event")  # what each is: _Answer


def chunk(**more):
    return b"data: " + json.dumps({"choices": [], **more}).encode() + b"\n\n"


def word(text, finish=None):
    return chunk(choices=[{"index": 0, "text": text, "finish_reason": finish}])


class _Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *unused):
        pass

    def do_GET(self):
        self._head("application/json")
        self.wfile.write(b'{"data":[]}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.flaky.draw(self.path)
        with contextlib.suppress(OSError):
            getattr(self, f"_{fault or 'whole'}")()

    def _500(self):
        self.send_error(500)

    def _error(self):
        """200, and yet it is none."""
        self._head("application/json")
        self.wfile.write(OVERLOADED)

    def _event(self):
        """The same in the middle of a stream."""
        self._words(5)
        self.wfile.write(b"data: " + OVERLOADED + b"\n\n")

    def _cut(self):
        self._words(5)

    def _hang(self):
        """Until who asked goes away."""
        self._words(3)
        select.select([self.connection], [], [], 60)

    def _whole(self):
        self._words(OUT)
        usage = chunk(usage={"prompt_tokens": PROMPT_TOKENS, "completion_tokens": OUT})
        self.wfile.write(word("", "stop") + usage + b"data: [DONE]\n\n")

    def _words(self, count):
        self._head("text/event-stream")
        for i in range(count):
            self.wfile.write(word(f"w{i} "))
            time.sleep(0.002)

    def _head(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


class Flaky:
    """Under url all is well. Under fault(NAME) the first answer has this fault, and then about every second."""

    def __init__(self):
        self.faults = collections.Counter()  # that were answered
        self._dice = random.Random(5)
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), _Answer)
        self._server.flaky = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fault(self, name):
        return f"{self.url}/{name}"

    def draw(self, path):
        name = path.split("/")[1]
        with self._lock:
            if name not in FAULTS or (self.faults[name] > 0 and self._dice.random() < 0.5):
                return ""
            self.faults[name] += 1
            return name

    def close(self):
        self._server.shutdown()
        self._server.server_close()
