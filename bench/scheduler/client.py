"""What a workload asks and what comes back: prompts of token ids, exact times, tokens really computed."""
import json
import random
import threading
import time
from dataclasses import dataclass, field

from http_stream import Connection

# Ordinary pieces of words in the vocabularies that matter here: no control tokens, no bytes.
TOKEN_FIRST, TOKEN_LAST = 1_000, 30_000
REFUSALS_MAX = 100  # of one request, before it counts as failed


def tokens(count, *salt):
    """`count` token ids; another salt gives another text from the first token on."""
    chance = random.Random(repr(salt))
    return [chance.randrange(TOKEN_FIRST, TOKEN_LAST) for _ in range(count)]


@dataclass
class Reply:
    sent: float
    ended: float = 0.0
    times: list = field(default_factory=list)  # of the events that carry text
    text: str = ""
    usage: dict = field(default_factory=dict)
    timings: dict = field(default_factory=dict)
    error: str = ""
    refusals: int = 0  # 429, each tried again

    @property
    def ttft_s(self):
        return self.times[0] - self.sent

    @property
    def wall_s(self):
        return self.ended - self.sent

    @property
    def generated(self):
        return self.usage.get("completion_tokens", 0)

    @property
    def computed(self):
        """Prompt tokens that were not taken from a cache, as the server says."""
        if "prompt_n" in self.timings:
            return self.timings["prompt_n"]
        cached = (self.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        return self.usage.get("prompt_tokens", 0) - cached

    def decode_rate(self):
        """Tokens a second after the first."""
        return (self.generated - 1) / max(self.times[-1] - self.times[0], 1e-9)


def _read(connection, reply, on_text):
    status, headers = connection.head()
    rest = b""
    for when, piece in connection.pieces(headers):
        rest += piece
        if status != 200:
            continue
        *events, rest = rest.split(b"\n\n")
        for event in events:
            if event.startswith(b"data: {") and not _take(json.loads(event[6:]), when, reply, on_text):
                return status, headers
    if status != 200:
        reply.error = rest.decode(errors="replace")[:300]
    return status, headers


def _take(data, when, reply, on_text):
    if "error" in data:
        reply.error = json.dumps(data["error"], ensure_ascii=False)[:300]
        return False
    reply.usage = data.get("usage") or reply.usage
    reply.timings = data.get("timings") or reply.timings
    text = (data.get("choices") or [{}])[0].get("text")
    if text:
        reply.text += text
        reply.times.append(when)
        return on_text is None or on_text(reply) is not False
    return True


def ask(side, prompt, out, key=None, on_text=None, **more):
    """One streamed completion of exactly `out` tokens. on_text(reply) → False leaves the stream, which
    cancels it. A refusal with Retry-After is obeyed; every other failure ends up in reply.error."""
    body = {"model": side.model_name, "prompt": prompt, "max_tokens": out, "temperature": 0,
            "ignore_eos": True, "stream": True, "stream_options": {"include_usage": True}, **more}
    reply = Reply(time.perf_counter())
    while True:
        status, headers = _once(side, body, key, reply, on_text)
        if status != 429 or reply.refusals >= REFUSALS_MAX:
            break
        reply.refusals += 1
        reply.error = ""
        time.sleep(min(float(headers.get("retry-after", 1)), 5))
    reply.ended = time.perf_counter()
    if not reply.error and not reply.times:
        reply.error = f"HTTP {status} without text"
    return reply


def _once(side, body, key, reply, on_text):
    connection = None
    try:
        connection = side.connection()
        connection.key = key or connection.key
        connection.send("/v1/completions", body)
        return _read(connection, reply, on_text)
    except OSError as e:
        reply.error = f"connection: {e}"
        return 0, {}
    finally:
        if connection:
            connection.close()


def must(reply):
    if reply.error:
        raise RuntimeError(reply.error)
    return reply


def together(calls):
    """Runs the calls at once, each on a thread; their results in order."""
    results, start = [None] * len(calls), threading.Barrier(len(calls))

    def one(i):
        start.wait()
        results[i] = calls[i]()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def get_json(address, target, key=""):
    """A GET over TCP or a Unix socket."""
    connection = Connection(address, key).open()
    auth = f"Authorization: Bearer {key}\r\n" if key else ""
    connection.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n{auth}\r\n".encode())
    status, headers = connection.head()
    body = b"".join(piece for _, piece in connection.pieces(headers))
    connection.close()
    if status != 200:
        raise RuntimeError(f"{target}: {status} {body[:300]!r}")
    return json.loads(body)
