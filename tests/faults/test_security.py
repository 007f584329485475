"""What an attacker sends to the door (OWASP): addresses to be fetched, lines smuggled into heads, requests hidden in
others; and what must never be written down."""

import contextlib
import json
import socket
import threading

import pytest

from harness import paths
from harness.raw import Raw
from harness.server import fresh_server, wait_until
from harness.tenants import key_of_tenant, program


@pytest.fixture(autouse=True)
def still_serving(server):
    yield
    assert server.process.poll() is None, server.log()
    assert server.api.get("/healthz").status == 200


class Trap:
    """A listener that nobody should ever call."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.calls = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.calls += 1
                connection.close()

    def sprung(self):
        """Whether anybody called: a call of our own shows that the trap works."""
        before = self.calls
        with socket.create_connection(("127.0.0.1", self.port)) as own:
            own.recv(1)
        return before > 0 or self.calls != 1

    def close(self):
        self.socket.close()


def image_requests(url):
    """The same picture in every shape that takes pictures."""
    said = {"model": paths.MODEL, "max_tokens": 1}
    text = {"type": "text", "text": "?"}

    def user(part):
        return [{"role": "user", "content": [text, part]}]

    yield "/v1/chat/completions", {**said, "messages": user({"type": "image_url", "image_url": {"url": url}})}
    yield "/v1/chat/completions", {**said, "messages": user({"type": "image_url", "image_url": url})}
    yield "/v1/messages", {**said, "messages": user({"type": "image", "source": {"type": "url", "url": url}})}
    yield "/v1/responses", {
        "model": paths.MODEL,
        "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}],
    }
    yield "/api/chat", {"model": paths.MODEL, "messages": [{"role": "user", "content": "?", "images": [url]}]}
    yield "/api/generate", {"model": paths.MODEL, "prompt": "?", "images": [url]}


def test_no_address_in_a_request_is_fetched(api):
    trap = Trap()
    here = f"127.0.0.1:{trap.port}"
    urls = [
        f"http://{here}/a.png", f"HTTP://{here}/a.png", f"https://{here}/a.png", f"ftp://{here}/a.png",
        f"gopher://{here}/_GET", f"//{here}/a.png", f"http://user:pass@{here}/a.png",
        f"http://[::ffff:127.0.0.1]:{trap.port}/a.png", f"http://2130706433:{trap.port}/",
        "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "/etc/passwd",
        f" http://{here}/a.png", f"data:http://{here}/a.png",
    ]
    for url in urls:
        for path, body in image_requests(url):
            reply = api.post(path, body)
            assert reply.status == 400, f"{path} {url}: {reply}"
            assert b"root:" not in reply.body
    assert not trap.sprung()
    trap.close()


INJECTED = "a\r\nSet-Cookie: stolen=1\r\nX-Injected: 1"


def test_nothing_in_a_body_becomes_a_head(api):
    """Names, ids and reasons that come back in errors and heads."""
    chat = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}
    for path, body in (
        ("/v1/chat/completions", {**chat, "model": INJECTED}),
        ("/v1/messages", {**chat, "model": INJECTED}),
        ("/api/chat", {**chat, "model": INJECTED}),
        ("/v1/completions", {"model": INJECTED, "prompt": "a"}),
        ("/v1/chat/completions", {**chat, "model": paths.MODEL, "tool_choice": INJECTED}),
        ("/admin/keys", {"name": INJECTED}),
        ("/admin/tenants", {"name": INJECTED}),
    ):
        reply = api.post(path, body)
        assert 400 <= reply.status < 500, reply
        assert "set-cookie" not in reply.headers and "x-injected" not in reply.headers


@pytest.mark.parametrize(
    "path",
    ["/v1/models/a%0d%0aSet-Cookie:%20stolen=1", "/%0d%0aSet-Cookie:%20stolen=1", "/v1/models/a%0aX-Injected:1%00"],
)
def test_nothing_in_an_address_becomes_a_head(api, path):
    reply = api.get(path)
    assert reply.status in (400, 404), reply
    assert "set-cookie" not in reply.headers and "x-injected" not in reply.headers


@pytest.mark.parametrize("id", ["a\rSet-Cookie: s=1", "a\nSet-Cookie: s=1", "a\x00b", "a" * 500, "<script>", "ä"])
def test_an_id_that_comes_back_is_plain(api, id):
    with Raw(api) as raw:
        raw.send(f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\n\r\n".encode())
        status, headers, _ = raw.reply()
        assert "set-cookie" not in headers
        assert status == 400 or headers["x-request-id"].startswith("req_")


def test_heads_of_ours_are_not_taken_from_callers(server, api):
    """X-Xingcha-… speak between gateway and worker: of a caller they mean nothing."""
    key = key_of_tenant(server.home.root, api, "acme")
    body = {"model": paths.MODEL, "prompt": "a", "max_tokens": 1}
    for name, value in (
        ("X-Xingcha-Tenant", "default"), ("X-Xingcha-Key", "key_1"), ("X-Xingcha-Resume", "5"),
        ("X-Xingcha-Adapter", "x=y"), ("X-Xingcha-Request", "forged"),
    ):
        reply = api.request("POST", "/v1/completions", body, {name: value}, key)
        assert reply.status == 200, f"{name}: {reply}"
        assert reply.json()["usage"]["completion_tokens"] == 1

    def admissions():  # a leaf is written within some ten milliseconds
        found = api.get("/admin/audit/records?tenant=acme&kind=admission").json()["records"]
        return found if len(found) == 5 else None

    records = wait_until(admissions, "five admissions on record")
    assert {record["record"]["tenant"] for record in records} == {"acme"}
    assert "forged" not in json.dumps(records) and '"key_1"' not in json.dumps(records)


HIDDEN = "GET /version HTTP/1.1\r\nHost: hidden\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: -5"],
        ["Content-Length: 5, 6"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5 5"],
        ["Content-Length: 18446744073709551621"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: identity, chunked, chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["X-Fold: a", " Transfer-Encoding: chunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Foo: bar\rTransfer-Encoding: chunked"],
        ["Foo\x00: bar"],
        [": nameless"],
    ],
)
def test_a_request_hidden_in_another_is_not_answered(api, fields):
    """What a proxy in front may read otherwise: a refusal, then the end of the connection. A folded line becomes part
    of the value before it (RFC 9112 §5.2), so what follows is no request."""
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", *fields)
        raw.send("0\r\n\r\n" + HIDDEN)
        assert raw.reply()[0] in (400, 501), fields
        assert raw.closed() and b"HTTP/1.1 200" not in raw._rest, raw._rest


@pytest.mark.parametrize("head", ["GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\n"])
def test_one_host_and_no_other(api, head):
    with Raw(api) as raw:
        raw.send(head)
        assert raw.reply()[0] == 400


def everything_written(root):
    """Every file of the home but the one that is there to hold the key."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != "credentials.toml":
            if "models" not in path.relative_to(root).parts:
                yield path, path.read_bytes()


def test_secrets_and_conversations_are_not_written_down():
    password, wrong_password = "correct horse battery staple", "wrong horse battery staple"
    prompt, typed = "Zanzibarprompt says hello", "xc-" + "Q" * 43
    with fresh_server(XINGCHA_LOG_LEVEL="debug") as server:
        api, home = server.api, server.home.root
        made = json.loads(program(home, "key", "create", "robot", "--json").stdout)["key"]
        assert api.post("/admin/keys/reload", {}).status == 200
        rotated = api.post("/admin/keys", {"name": "second"}).json()
        newer = api.post(f"/admin/keys/{rotated['id']}/rotate", {"overlap_s": 60}).json()["key"]
        assert api.post("/admin/users", {"name": "li", "role": "auditor", "password": password}).status == 200
        token = api.post("/admin/login", {"name": "li", "password": password}, key=None).json()["token"]
        assert api.post("/admin/login", {"name": "li", "password": wrong_password}, key=None).status == 401
        chat = {"model": paths.MODEL, "max_tokens": 8, "messages": [{"role": "user", "content": prompt}]}
        answer = api.request("POST", "/v1/chat/completions", chat, key=made)
        assert answer.status == 200
        for path in ("/v1/chat/completions", "/v1/messages", "/api/chat", f"/v1/models?key={typed}"):
            assert api.request("POST", path, chat, {"x-api-key": typed}, key=None).status in (401, 405)
        assert api.get("/admin/whoami", key=token).status == 200
        secrets = {
            "a key": made, "a rotated key": newer, "the key before": rotated["key"], "a token": token,
            "a password": password, "a wrong password": wrong_password, "a wrong key": typed, "the prompt": prompt,
        }
        server.stop()
        seen = list(everything_written(home))
        assert any(path.name == "serve.err" and data for path, data in seen), "there is a log"
        # Of the first key the start says on its output, once; that is how one gets it.
        for path, data in seen:
            for what, secret in secrets.items():
                assert secret.encode() not in data, f"{what} is in {path}"
