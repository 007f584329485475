"""The gateways under test, each on core 0; the mock upstream on core 1 beside the load."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build/bench"
PEERS = ROOT / "build/bench/peers"  # where peers are installed, once
SMG = "smg==1.13.0"
PORTKEY = "@portkey-ai/gateway@1.15.2"
LITELLM = "1.93.0"  # the wheel on PyPI, by its digest: versions of this name were once tampered with
LITELLM_SHA256 = "460001b7c88c5b6675ad482ae3cecba96e21f890604b4febb1a67807ace1c750"
CHAT = "/v1/chat/completions"


def resident_mib(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def children_of(pid):
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pin(pid, core):
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


class Target:
    """A program that serves; subclasses say how it starts."""
    host, path, core = "127.0.0.1", CHAT, "0"
    streams = True  # passes a stream on as it comes

    def __init__(self, name, port):
        self.name, self.port, self.headers = name, port, {"Content-Type": "application/json"}
        self.folder = Path(tempfile.mkdtemp(prefix="xcg-"))
        self.process = None

    @property
    def url(self):
        return f"http://{self.host}:{self.port}{self.path}"

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(["taskset", "-c", self.core, *map(str, self.command())],
                                            stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        self.wait()
        return self

    def wait(self):
        body = b'{"model":"mock","messages":[{"role":"user","content":"x"}]}'
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name}: {(self.folder / 'log').read_text()[-500:]}")
            self.before_probe()
            try:
                request = urllib.request.Request(self.url, body, self.headers)
                with urllib.request.urlopen(request, timeout=5) as reply:
                    if reply.status == 200 and b"The river runs" in reply.read():
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not answer: {(self.folder / 'log').read_text()[-500:]}")

    def before_probe(self):
        pass

    def pids(self):
        """The program and its children, the mock left out."""
        pids = [self.process.pid, *children_of(self.process.pid)]
        return [p for p in pids if "gateway_mock" not in Path(f"/proc/{p}/comm").read_text()]

    def resident(self):
        return sum(resident_mib(p) for p in self.pids())

    def cpu_s(self):
        """Seconds on a processor so far, all threads: what a busy machine does not blur much."""
        tasks = [t for p in self.pids() for t in Path(f"/proc/{p}/task").iterdir()]
        return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks) / 1e9

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Mock(Target):
    core = "1"

    def command(self):
        return [PROGRAMS / "gateway_mock", "--port", self.port]


class Nginx(Target):
    """The floor: proxy_pass with kept connections, one process, no log."""

    def __init__(self, port, upstream):
        super().__init__("nginx", port)
        self.upstream = upstream

    def command(self):
        (self.folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error;
events {{ worker_connections 8192; }}
http {{ access_log off; client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p;
  fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  keepalive_requests 1000000000; tcp_nodelay on;
  upstream mock {{ server 127.0.0.1:{self.upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{self.port} backlog=4096;
    location / {{ proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; }} }} }}""")
        return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", self.folder, "-c",
                self.folder / "nginx.conf"]


class Door(Target):
    """Ours; see door.cc for the two modes."""

    def __init__(self, name, mode, port):
        super().__init__(name, port)
        self.mode = mode
        self.streams = mode == "governed"

    def command(self):
        for folder in ("run", "logs"):
            (self.folder / folder).mkdir(mode=0o700)
        return [PROGRAMS / "gateway_door", self.mode, f"127.0.0.1:{self.port}", self.folder,
                PROGRAMS / "gateway_mock"]

    def before_probe(self):
        key = re.search(r"KEY (\S+)", (self.folder / "log").read_text())
        if key:
            self.headers["Authorization"] = f"Bearer {key.group(1)}"

    def start(self):
        super().start()
        for child in children_of(self.process.pid):
            pin(child, 1)
        return self


class Smg(Target):
    def __init__(self, name, port, upstream, *flags):
        super().__init__(name, port)
        self.upstream, self.flags = upstream, flags

    def command(self):
        if not (PEERS / "smg/bin/smg").exists():
            subprocess.run([sys.executable, "-m", "venv", PEERS / "smg"], check=True)
            subprocess.run([PEERS / "smg/bin/pip", "install", "-q", SMG], check=True)
        return [PEERS / "smg/bin/smg", "launch", "--host", self.host, "--port", self.port,
                "--prometheus-port", self.port + 1, "--worker-urls",
                f"http://127.0.0.1:{self.upstream}", "--backend", "openai", "--log-level", "error",
                *self.flags]


class LiteLlm(Target):
    """Its proxy with one worker, a master key and no database."""

    def __init__(self, port, upstream):
        super().__init__("litellm", port)
        self.upstream = upstream
        self.headers["Authorization"] = "Bearer sk-bench"

    @staticmethod
    def install(folder):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = folder / "bin/pip"
        subprocess.run([pip, "download", "-q", "--no-deps", "-d", folder, f"litellm=={LITELLM}"], check=True)
        wheel = next(folder.glob("litellm-*.whl"))
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != LITELLM_SHA256:
            raise RuntimeError(f"{wheel.name} is not the wheel that was measured before")
        subprocess.run([pip, "install", "-q", f"{wheel}[proxy]"], check=True)

    def command(self):
        program = PEERS / "litellm/bin/litellm"
        if not program.exists():
            self.install(PEERS / "litellm")
        (self.folder / "config.yaml").write_text(f"""
model_list:
  - model_name: mock
    litellm_params: {{ model: openai/mock, api_base: "http://127.0.0.1:{self.upstream}/v1", api_key: x }}
general_settings: {{ master_key: sk-bench }}
litellm_settings: {{ telemetry: false }}
""")
        return [program, "--config", self.folder / "config.yaml", "--host", self.host, "--port", self.port,
                "--num_workers", "1"]


class Portkey(Target):
    streams = False  # with a custom host they end with an error

    def __init__(self, port, upstream):
        super().__init__("portkey", port)
        self.headers.update({"x-portkey-provider": "openai", "Authorization": "Bearer x",
                             "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1"})

    def command(self):
        start = PEERS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
        if not start.exists():
            (PEERS / "portkey").mkdir(parents=True, exist_ok=True)
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                            PEERS / "portkey", PORTKEY], check=True)
        return ["node", start, f"--port={self.port}", "--headless"]
