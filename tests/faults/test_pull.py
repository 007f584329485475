"""Pulls that are killed, resumed, lied to, or run out of disk; from a hub on this machine."""

import hashlib
import http.server
import json
import os
import signal
import subprocess
import threading

import numpy
import pytest

from harness import gguf_file, paths
from harness.home import Home
from harness.server import wait_until

NAME = "tiny-pull"
MIB = 1 << 20


def write_model(path, mib):
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": 128,
        "llama.embedding_length": 64,
        "llama.block_count": 1,
        "llama.attention.head_count": 2,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": ["a", "b"],
    }
    random = numpy.random.default_rng(1).random((mib * MIB // 256, 64), numpy.float32)
    return gguf_file.write(path, metadata, {"token_embd.weight": random})


class Hub:
    """A hub that serves one file, with ranges; `gate` holds it after `hold_at` bytes."""

    def __init__(self, data):
        self.data = data
        self.ranges = []
        self.hold_at = None
        self.held = threading.Event()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *unused):
                pass

            def do_GET(self):
                asked = self.headers.get("Range")
                hub.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
                self.send_response(206 if asked else 200)
                if asked:
                    size = len(hub.data)
                    self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                self.send_header("Content-Length", str(len(hub.data) - start))
                self.end_headers()
                try:
                    self.send(start)
                except OSError:
                    pass

            def send(self, start):
                while start < len(hub.data):
                    if hub.hold_at is not None and start >= hub.hold_at:
                        hub.held.set()
                        self.connection.settimeout(paths.PATIENCE_S)
                        self.connection.recv(1)  # until the client is gone
                        return
                    self.wfile.write(hub.data[start : start + MIB])
                    start += MIB

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("hub") / "m.gguf", 24).read_bytes()


@pytest.fixture
def hub(data):
    one = Hub(data)
    yield one
    one.close()


def add_entry(home, data, digest=None):
    (home.root / "models.toml").write_text(f"""
[[model]]
name = "{NAME}"
aliases = []
title_zh = "测试"
title_en = "A test"
family = "test"
parameters = "1M"
quantization = "F32"
context = 128
memory_min_mib = 64
capabilities = ["completion"]
notes_zh = ""
notes_en = ""
licence = {{ spdx = "MIT", url = "https://opensource.org/license/mit" }}
[[model.files]]
name = "m.gguf"
bytes = {len(data)}
sha256 = "{digest or hashlib.sha256(data).hexdigest()}"
sources = [{{ kind = "huggingface", repository = "a/b", file = "m.gguf" }}]
""")


@pytest.fixture
def home(data):
    with Home(models=False) as one:
        add_entry(one, data)
        yield one


def start_pull(home, hub):
    return subprocess.Popen(
        [paths.PROGRAM, "pull", NAME],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=paths.clean_environment(XINGCHA_HOME=str(home.root), HF_ENDPOINT=hub.url),
    )


def installed(home):
    return [m["name"] for m in json.loads(home.cli("list", "--json").stdout)["models"]]


def partial_bytes(home):
    return sum(p.stat().st_size for p in home.root.glob("models/partial/*.part"))


def test_a_pull(home, hub, data):
    home.cli("pull", NAME, HF_ENDPOINT=hub.url)
    assert installed(home) == [NAME]
    assert home.weights(NAME).read_bytes() == data
    assert partial_bytes(home) == 0
    again = home.cli("pull", NAME, HF_ENDPOINT=hub.url)
    assert "whole" in again.stderr and len(hub.ranges) == 1


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_pull_leaves_nothing_half_and_resumes(home, hub, data, signo):
    hub.hold_at = 8 * MIB
    pull = start_pull(home, hub)
    assert hub.held.wait(paths.PATIENCE_S)
    wait_until(lambda: partial_bytes(home) >= 4 * MIB, "bytes have arrived")
    pull.send_signal(signo)
    assert pull.wait(paths.PATIENCE_S) != 0
    pull.stdout.close()
    assert installed(home) == [] and not list(home.root.glob("models/blobs/*"))
    hub.hold_at = None
    hub.ranges.clear()
    home.cli("pull", NAME, HF_ENDPOINT=hub.url)
    assert home.weights(NAME).read_bytes() == data
    started = int(hub.ranges[0].removeprefix("bytes=").split("-")[0])
    assert started > 0, "it began again instead of going on"


def test_two_pulls_at_once_fetch_once(home, hub, data):
    pulls = [start_pull(home, hub) for _ in range(2)]
    for pull in pulls:
        assert pull.wait(paths.PATIENCE_S) == 0, pull.stdout.read()
        pull.stdout.close()
    assert home.weights(NAME).read_bytes() == data and len(hub.ranges) == 1


def test_wrong_bytes_are_not_accepted(home, hub, data):
    hub.data = data[:-1] + bytes([data[-1] ^ 1])
    done = home.cli("pull", NAME, check=False, HF_ENDPOINT=hub.url)
    assert done.returncode == 1 and installed(home) == []
    assert not list(home.root.glob("models/blobs/*"))
    hub.data = data
    home.cli("pull", NAME, HF_ENDPOINT=hub.url)
    assert installed(home) == [NAME]


def test_a_hub_that_is_away(home):
    done = home.cli("pull", NAME, check=False, HF_ENDPOINT="http://127.0.0.1:1")
    assert done.returncode == 1 and NAME in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(hub, data):
    root = paths.short_folder("full")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", root], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no tmpfs may be mounted here")
    try:
        with Home(models=False, root=root / "home") as home:
            add_entry(home, data)
            done = home.cli("pull", NAME, check=False, HF_ENDPOINT=hub.url)
            assert done.returncode == 1 and "disk is full" in done.stderr and "MiB" in done.stderr
            assert installed(home) == []
            # Room is made: it works without anybody's help.
            subprocess.run(["mount", "-o", "remount,size=64m", root], check=True)
            home.cli("pull", NAME, HF_ENDPOINT=hub.url)
            assert installed(home) == [NAME]
    finally:
        subprocess.run(["umount", root], check=False)
        root.rmdir()
