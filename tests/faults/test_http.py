"""HTTP that no honest client sends. The server answers or closes, and goes on serving."""

import json
import threading

import pytest

from harness import paths
from harness.raw import Raw


@pytest.fixture(autouse=True)
def still_serving(server):
    yield
    assert server.process.poll() is None, server.log()
    assert server.api.get("/healthz").status == 200


def test_a_head_that_never_ends_is_cut_off(api):
    """Slowloris: one byte now and then; the head's deadline holds all the same."""
    with Raw(api) as slow:
        slow.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        stop = threading.Event()

        def drip():
            while not stop.wait(1):
                try:
                    slow.send("a")
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        # Others are served in the meantime.
        assert api.get("/healthz").status == 200
        status, headers, body = slow.reply()
        stop.set()
        assert status == 408 and json.loads(body)["error"]["code"] == "timeout"
        assert slow.closed()


def test_many_slow_heads_hold_nobody_up(api):
    slow = [Raw(api) for _ in range(100)]
    for connection in slow:
        connection.send("POST /v1/chat/completions HTTP/1.1\r\n")
    assert api.get("/healthz").status == 200
    for connection in slow:
        connection.close()


def test_pipelined_requests_are_answered_in_order(api):
    with Raw(api) as raw:
        one = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: n{}\r\n\r\n"
        raw.send("".join(one.format(i) for i in range(50)))
        ids = [raw.reply()[1]["x-request-id"] for _ in range(50)]
    assert ids == [f"n{i}" for i in range(50)]


def test_pipelined_requests_of_a_model_are_answered_in_order(api):
    body = json.dumps({"model": paths.MODEL, "content": "hello"})
    head = f"POST /tokenize HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
    with Raw(api) as raw:
        raw.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}" * 5)
        replies = [raw.reply() for _ in range(5)]
    assert [status for status, _, _ in replies] == [200] * 5
    assert len({body for _, _, body in replies}) == 1


def test_a_chunked_body_is_put_together(api):
    body = json.dumps({"model": paths.MODEL, "content": "hello"}).encode()
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", "Transfer-Encoding: chunked")
        for i in range(0, len(body), 7):
            raw.send(b"%x;x=y\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7]))
        raw.send("0\r\nX-Trailer: 1\r\n\r\n")
        status, _, reply = raw.reply()
    assert status == 200 and json.loads(reply)["tokens"]


def test_a_chunked_body_that_breaks_off(api):
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", "Transfer-Encoding: chunked")
        raw.send("20\r\n{\"model\":")
    assert api.get("/healthz").status == 200


@pytest.mark.slow
@pytest.mark.parametrize("field", ["Transfer-Encoding: chunked", "Content-Length: 100"])
def test_a_body_that_never_ends_is_cut_off(api, field):
    with Raw(api) as raw:
        raw.socket.settimeout(2 * paths.PATIENCE_S)
        raw.head("POST", "/tokenize", field)
        raw.send("20\r\n{")
        status, _, body = raw.reply()
        assert status == 408 and json.loads(body)["error"]["code"] == "timeout"
        assert raw.closed()


@pytest.mark.parametrize("chunk", ["zz\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "5\r\nhelloXX\r\n0\r\n\r\n"])
def test_a_chunk_that_is_none(api, chunk):
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", "Transfer-Encoding: chunked")
        raw.send(chunk)
        status, _, _ = raw.reply()
        assert status in (400, 413) and raw.closed()


@pytest.mark.parametrize("chunk", ["zz", "5\r\nhelloXX", "5\r\nhello\r\nx"])
def test_a_bad_chunk_is_refused_as_soon_as_it_is_seen(api, chunk):
    """Without the line end that would follow; the body's own clock runs for two minutes."""
    with Raw(api) as raw:
        raw.socket.settimeout(30)
        raw.head("POST", "/tokenize", "Transfer-Encoding: chunked")
        raw.send(chunk)
        assert raw.reply()[0] == 400


def test_ten_thousand_headers(api):
    with Raw(api) as raw:
        raw.head("GET", "/healthz", *(f"X-{i}: 1" for i in range(10_000)))
        status, _, body = raw.reply()
        assert status == 431 and "error" in json.loads(body)
        assert raw.closed()


def test_one_huge_header(api):
    with Raw(api) as raw:
        raw.head("GET", "/healthz", "X-Big: " + "a" * 200_000)
        assert raw.reply()[0] == 431


def test_a_huge_body_is_refused_by_its_length(api):
    with Raw(api) as raw:
        raw.head("POST", "/v1/chat/completions", "Content-Length: 99999999999")
        status, _, body = raw.reply()
    error = json.loads(body)["error"]
    assert status == 413 and error["code"] == "request_too_large" and "33554432" in error["message"]


def test_a_huge_body_that_is_sent(api):
    body = b'{"model":"' + b"a" * (33 << 20) + b'"}'
    with Raw(api) as raw:
        raw.head("POST", "/v1/chat/completions", f"Content-Length: {len(body)}")
        try:
            raw.send(body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert raw.reply()[0] == 413


def test_a_huge_body_on_an_anthropic_route(api):
    with Raw(api) as raw:
        raw.head("POST", "/v1/messages", "Content-Length: 99999999999", "Accept-Language: en")
        status, _, body = raw.reply()
    assert status == 413
    assert json.loads(body)["type"] == "error"
    assert json.loads(body)["error"]["type"] == "request_too_large"


@pytest.mark.parametrize("where", ["text", "key", "route"])
def test_invalid_utf8(api, where):
    bad = b"\xff\xfe"
    if where == "route":
        with Raw(api) as raw:
            raw.send(b"GET /v1/models/" + bad + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.reply()[0] in (400, 401, 404)
        return
    text = b'{"model": "' + paths.MODEL.encode() + b'", "content": "' + bad + b'"}'
    if where == "key":
        text = b'{"model": "' + paths.MODEL.encode() + b'", "' + bad + b'": 1, "content": "x"}'
    for language, words in (("zh", "UTF-8"), ("en", "invalid UTF-8")):
        reply = api.post("/tokenize", text, headers={"Accept-Language": language})
        assert reply.status == 400 and words in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "request_line",
    ["GARBAGE", "GET / HTTP/9.9", "GET  /  HTTP/1.1", "GET http://[ HTTP/1.1", "\x00\x01\x02"],
)
def test_no_http(api, request_line):
    with Raw(api) as raw:
        raw.send(request_line + "\r\nHost: x\r\n\r\n")
        status, _, body = raw.reply()
        assert 400 <= status < 506 and "error" in json.loads(body)


def test_a_tls_hello_is_no_http(api):
    with Raw(api) as raw:
        raw.send(bytes.fromhex("16030100c8010000c40303") + b"\x00" * 200 + b"\r\n\r\n")
        raw.closed()


def test_two_lengths_are_refused(api):
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", "Content-Length: 2", "Content-Length: 3")
        assert raw.reply()[0] == 400


def test_length_and_chunks_together_are_refused(api):
    """What a proxy in front might read otherwise: request smuggling."""
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", "Content-Length: 5", "Transfer-Encoding: chunked")
        raw.send("0\r\n\r\n")
        assert raw.reply()[0] == 400


def test_an_old_client_without_keep_alive(api):
    with Raw(api) as raw:
        raw.send("GET /healthz HTTP/1.0\r\n\r\n")
        assert raw.reply()[0] == 200 and raw.closed()


def test_expect_continue(api):
    body = json.dumps({"model": paths.MODEL, "content": "hello"})
    with Raw(api) as raw:
        raw.head("POST", "/tokenize", "Expect: 100-continue", f"Content-Length: {len(body)}")
        assert raw.reply()[0] == 100
        raw.send(body)
        assert raw.reply()[0] == 200


def test_a_client_that_goes_before_its_answer(api):
    for _ in range(20):
        with Raw(api) as raw:
            raw.head("GET", "/v1/models")
    assert api.get("/v1/models").status == 200
