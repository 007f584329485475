"""Starts the programs under test: Xingcha, and llama-server built from the same pinned source."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from http_stream import Connection

ROOT = Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident_kib(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


class Xingcha:
    """A server with its own home; models come from the test home."""
    name = "xingcha"

    def __init__(self, model, **environment):
        self.model = model
        self.home = Path(tempfile.mkdtemp(prefix="xcb-"))
        test_home = Path(os.environ["XC_TEST_HOME"])
        os.symlink(test_home / "models", self.home / "models")
        self.port = free_port()
        self.environment = {**os.environ, "XINGCHA_HOME": str(self.home), **environment}
        self.environment.pop("XINGCHA_MODEL", None)

    def __enter__(self):
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [ROOT / "build/bin/xingcha", "serve", "--listen", f"127.0.0.1:{self.port}"],
            env=self.environment, stdout=subprocess.DEVNULL,
            stderr=open(self.home / "serve.log", "wb"))
        while True:
            try:
                probe = Connection(("127.0.0.1", self.port)).open()
                probe.sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: b\r\n\r\n")
                if probe.head()[0] == 200:
                    break
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError((self.home / "serve.log").read_text())
            time.sleep(0.002)
        self.ready_s = time.perf_counter() - self.started
        text = (self.home / "credentials.toml").read_text()
        self.key = re.search(r'key\s*=\s*"([^"]+)"', text).group(1)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def connection(self):
        return Connection(("127.0.0.1", self.port), self.key).open()

    def worker_socket(self):
        return str(next((self.home / "data").rglob("*.sock")))

    def resident_kib(self):
        return resident_kib(self.process.pid)


class LlamaServer:
    def __init__(self, name, path, model, *flags):
        self.name, self.path, self.model, self.flags = name, path, model, flags
        self.port = free_port()

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.path, "-m", self.model, "--port", str(self.port), "--host", "127.0.0.1",
             "--no-webui", *self.flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                probe = Connection(("127.0.0.1", self.port)).open()
                probe.sock.sendall(b"GET /health HTTP/1.1\r\nHost: b\r\n\r\n")
                if probe.head()[0] == 200:
                    return self
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError(f"llama-server {self.flags} ended")
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def connection(self):
        return Connection(("127.0.0.1", self.port)).open()


def build_llama_server():
    """The peer: same source, compiler and variants as the product's own library."""
    deps = Path(os.environ.get("XC_DEPS", ROOT / ".deps"))
    build = deps / "build-llama-server"
    program = build / "bin/llama-server"
    if not program.exists():
        compilers = [f"-DCMAKE_C_COMPILER={os.environ.get('CC', 'clang-19')}",
                     f"-DCMAKE_CXX_COMPILER={os.environ.get('CXX', 'clang++-19')}"]
        subprocess.run(
            ["cmake", "-G", "Ninja", "-S", deps / "src/llama.cpp", "-B", build,
             "-DCMAKE_BUILD_TYPE=Release", *compilers, "-DCMAKE_C_COMPILER_LAUNCHER=ccache",
             "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DBUILD_SHARED_LIBS=ON", "-DGGML_NATIVE=OFF",
             "-DGGML_BACKEND_DL=ON", "-DGGML_CPU_ALL_VARIANTS=ON", "-DGGML_OPENMP=OFF",
             "-DGGML_CCACHE=OFF", "-DLLAMA_BUILD_COMMON=ON", "-DLLAMA_BUILD_TOOLS=ON",
             "-DLLAMA_BUILD_SERVER=ON", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
             "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF",
             "-DLLAMA_BUILD_UI=OFF", "-DMTMD_VIDEO=OFF", "-DLLAMA_ALL_WARNINGS=OFF"],
            check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", build, "llama-server"], check=True)
        for library in (deps / "build-llama/bin").glob("libggml-cpu-*.so"):
            if not (build / "bin" / library.name).exists():
                shutil.copy(library, build / "bin")  # the same variants, not built twice
    return program


def model_path(name):
    """The weights of a model of the catalogue; pulled into the test home when it is not there."""
    home = Path(os.environ["XC_TEST_HOME"])
    store = home / "models"
    if not (store / "manifests" / f"{name}.json").exists():
        subprocess.run([ROOT / "build/bin/xingcha", "pull", name], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "XINGCHA_HOME": str(home)})
    manifest = json.loads((store / "manifests" / f"{name}.json").read_text())
    text = json.dumps(manifest)
    digest = re.search(r'"sha256": "([0-9a-f]{64})"', text).group(1)
    return store / "blobs" / f"sha256-{digest}"
