"""What loads a gateway: wrk for rates and latencies, raw sockets for streams."""
import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import tempfile
import time

PACE_S = 0.020
STALL_S = 10 * PACE_S
BODY = {"model": "mock", "max_tokens": 200, "messages": [
    {"role": "user", "content": "Tell me about the river and the old mill, in a few sentences."}]}


def wrk(target, connections, seconds):
    """{"rps", "p50_ms", "p99_ms", "requests"} of whole replies; the load runs on core 1."""
    lines = ['wrk.method="POST"', f"wrk.body=[==[{json.dumps(BODY)}]==]"]
    lines += [f'wrk.headers["{k}"]="{v}"' for k, v in target.headers.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("\n".join(lines))
        script.flush()
        text = subprocess.run(
            ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency",
             "--timeout", "10", "-s", script.name, target.url], capture_output=True, text=True,
            check=True).stdout
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}

    def percentile(mark):
        number, name = re.search(mark + r"%\s+([\d.]+)(us|ms|s)", text).groups()
        return float(number) * unit[name]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: (.*)", text)
    if bad or broken:
        raise RuntimeError(f"{target.name}: {(bad or broken).group(0)}")
    return {"requests": int(re.search(r"(\d+) requests in", text).group(1)),
            "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "p50_ms": percentile("50"), "p99_ms": percentile("99")}


class Stream:
    """One paced stream; notes when bytes with events came."""

    def __init__(self, target):
        self.socket = socket.create_connection((target.host, target.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = json.dumps({**BODY, "stream": True, "user": "paced", "stop": ["paced"]},
                          separators=(",", ":")).encode()
        head = (f"POST {target.path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n"
                + "".join(f"{k}: {v}\r\n" for k, v in target.headers.items()) + "\r\n")
        self.times, self.tail, self.done, self.failed = [], b"", False, False
        self.started = time.perf_counter()
        self.socket.sendall(head.encode() + body)
        self.socket.setblocking(False)

    def read(self):
        try:
            piece = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        self.tail = (self.tail + piece)[-4096:]
        if b'"word ' in piece:
            self.times.append(time.perf_counter())
        self.done = b"[DONE]" in self.tail
        self.failed = not piece and not self.done

    def gaps(self):
        return [b - a for a, b in zip(self.times, self.times[1:])]


def run_streams(target, count, spread_s=0.0):
    """`count` paced streams at once, to their end. `spread_s`: over which they begin."""
    os.sched_setaffinity(0, {1})
    selector, streams = selectors.DefaultSelector(), []
    end = time.perf_counter() + spread_s + 30
    try:
        begun = time.perf_counter()
        while time.perf_counter() < end:
            due = count if spread_s == 0 else int((time.perf_counter() - begun) / spread_s * count) + 1
            while len(streams) < min(due, count):
                stream = Stream(target)
                streams.append(stream)
                selector.register(stream.socket, selectors.EVENT_READ, stream)
            for key, _ in selector.select(0.002):
                key.data.read()
                if key.data.done or key.data.failed:
                    selector.unregister(key.fileobj)
            if len(streams) == count and all(s.done or s.failed for s in streams):
                break
    finally:
        for stream in streams:
            stream.socket.close()
    return streams


def pacing(target, repeats):
    """Median time to the first chunk and between chunks, one stream at a time, in ms."""
    first, gaps = [], []
    for _ in range(repeats):
        (stream,) = run_streams(target, 1)
        if not stream.done or len(stream.times) < 2:
            raise RuntimeError(f"{target.name}: the stream broke off: {stream.tail[-200:]!r}")
        first.append(stream.times[0] - stream.started)
        gaps += stream.gaps()
    return {"ttft_ms": statistics.median(first) * 1000, "gap_ms": statistics.median(gaps) * 1000}


def smooth_streams(target, count):
    """How many of `count` streams ended with no gap over ten times the pace."""
    streams = run_streams(target, count, spread_s=count / 500)
    good = [s for s in streams if s.done and max(s.gaps() + [s.times[0] - s.started]) <= STALL_S]
    return len(good)
