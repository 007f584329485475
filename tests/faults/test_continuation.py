"""A stream of a real model that is cut off on its way and goes on at another server."""

import contextlib
import http.client
import http.server
import threading
import urllib.parse

from harness import paths
from harness.home import Home
from harness.server import Server

CUT_AFTER = 6  # events


class _Relay(http.server.BaseHTTPRequestHandler):
    """Passes requests on and cuts the stream of the answer off."""

    def log_message(self, *unused):
        pass

    def do_GET(self):
        self._relay("GET", None)

    def do_POST(self):
        self._relay("POST", self.rfile.read(int(self.headers["Content-Length"])))

    def _relay(self, method, body):
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        far = http.client.HTTPConnection(self.server.host, self.server.port, timeout=paths.PATIENCE_S)
        far.request(method, self.path, body=body, headers=headers)
        reply = far.getresponse()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.headers["Content-Type"])
        self.send_header("Connection", "close")
        self.end_headers()
        left = CUT_AFTER
        for line in reply:
            self.wfile.write(line)
            left -= line.startswith(b"data:")
            if method == "POST" and left == 0:
                break
        far.close()


@contextlib.contextmanager
def relay(url):
    parts = urllib.parse.urlsplit(url)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Relay)
    server.host, server.port = parts.hostname, parts.port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def put(api, path, body):
    reply = api.request("PUT", "/admin/" + path, body=body)
    assert reply.status == 200, reply


def heard(reply):
    """Text, ids, finishes and usage of a stream that ended well."""
    assert reply.events()[-1].data == "[DONE]", reply
    chunks = [event.json() for event in reply.events()[:-1]]
    choices = [choice for one in chunks for choice in one["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    finishes = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return text, {one["id"] for one in chunks}, finishes, chunks[-1]["usage"]


def test_it_goes_on_as_one_answer(server):
    api = server.api
    with contextlib.closing(Home(models=False)) as home, Server(home) as front, relay(api.url) as cut:
        outer = front.api
        put(outer, "pools/back", {"policy": "order"})
        for rank, url in enumerate((cut, api.url)):
            put(outer, f"endpoints/back-{rank}", {"pool": "back", "url": url, "vendor": "xingcha", "key": api.key,
                                                  "rank": rank, "continues": True})
        put(outer, "routes/m", {"targets": [{"pool": "back", "model": paths.MODEL}]})
        body = {"messages": [{"role": "user", "content": "Count from one to twenty in words."}], "max_tokens": 24,
                "temperature": 0, "stream": True, "stream_options": {"include_usage": True},
                "chat_template_kwargs": {"enable_thinking": False}}
        direct = heard(api.post("/v1/chat/completions", {"model": paths.MODEL, **body}))
        through = heard(outer.post("/v1/chat/completions", {"model": "m", **body}))
        assert outer.metric("xingcha_continuations_total") == 1
        text, ids, finishes, usage = through
        assert text.startswith(direct[0][:10]) and len(text) > len(direct[0]) // 2
        assert len(ids) == 1 and len(finishes) == 1
        # Where the text is cut into tokens anew, the seam may move by a token or two.
        assert abs(usage["prompt_tokens"] - direct[3]["prompt_tokens"]) <= 2
        assert abs(usage["completion_tokens"] - direct[3]["completion_tokens"]) <= 2
        assert outer.metric("xingcha_quota_conserved") == 1
