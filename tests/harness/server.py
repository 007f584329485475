"""Starts and ends `xingcha serve`."""

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import time

from harness import http as plain
from harness import paths
from harness.home import Home


def wait_until(condition, what):
    """The first true value of condition(); fails when patience ends."""
    deadline = time.monotonic() + paths.PATIENCE_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not come true: {what}")


def alive(pid):
    try:
        state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One `xingcha serve` on a home. `api` speaks to it with the key of credentials.toml."""

    def __init__(self, home, *arguments, listen="127.0.0.1:0", **environment):
        self.home = home
        self.out = home.root / "serve.out"
        self.err = home.root / "serve.err"
        self.process = None
        self.api = None
        self._arguments = arguments
        self._environment = {"XINGCHA_LISTEN": listen, **environment}

    def start(self):
        self.launch()
        try:
            url = wait_until(self._url, "the server says where it is")
            self.api = plain.Api(url, self.home.credentials()["key"])
            wait_until(self._ready, "the server is ready")
        except Exception:
            self.kill()
            raise AssertionError(f"the server did not start:\n{self.log()}") from None
        return self

    def launch(self):
        with open(self.out, "wb") as out, open(self.err, "ab") as err:
            self.process = subprocess.Popen(
                [str(paths.PROGRAM), "serve", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=paths.clean_environment(
                    XINGCHA_HOME=str(self.home.root), **self._environment
                ),
            )

    def _url(self):
        assert self.process.poll() is None, "it ended"
        found = re.search(r"(https?://\S+?)/\s", self.out.read_text())
        return found and found.group(1)

    def _ready(self):
        assert self.process.poll() is None, "it ended"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.api.get("/readyz").status == 200

    def log(self):
        """What server and workers said, for failures."""
        parts = [self.out, self.err, *sorted(self.home.root.glob("data/logs/*"))]
        texts = [f"--- {p.name}\n{p.read_text(errors='replace')[-4000:]}" for p in parts if p.exists()]
        return "\n".join(texts)

    def signal(self, signo):
        self.process.send_signal(signo)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self):
        """SIGTERM and the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                return self.process.wait(paths.PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"SIGTERM does not end the server:\n{self.log()}") from None
        return self.process.returncode

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(45)
            except subprocess.TimeoutExpired:
                self.kill()
        else:
            self.process.wait()


@contextlib.contextmanager
def fresh_server(*arguments, models=True, **environment):
    """A server on a home of its own; its log is printed when the block fails."""
    with Home(models=models) as home, Server(home, *arguments, **environment) as server:
        try:
            yield server
        except BaseException:
            print(server.log())
            raise
