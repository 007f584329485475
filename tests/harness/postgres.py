"""A private PostgreSQL server, and a wire to it that can be cut."""

import contextlib
import os
import pathlib
import socket
import subprocess
import threading
import urllib.parse

import pytest

from harness import paths

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "postgres.sh"


class Postgres:
    """One server on a Unix socket in a folder; gone with this process."""

    def __init__(self):
        self.folder = paths.short_folder("xcpg")
        self.folder.rmdir()
        done = self._run("start", str(os.getpid()))
        if done.returncode == 77:
            pytest.skip("postgresql is not installed")
        assert done.returncode == 0, done.stderr

    def _run(self, verb, *more):
        return subprocess.run(
            [str(SCRIPT), verb, str(self.folder), *more],
            capture_output=True,
            text=True,
            timeout=paths.PATIENCE_S,
        )

    def stop(self):
        assert self._run("stop").returncode == 0

    def restart(self):
        assert self._run("restart").returncode == 0

    def socket(self):
        return str(self.folder / ".s.PGSQL.5432")

    def url(self, database="postgres"):
        return f"postgresql://xingcha@{urllib.parse.quote(str(self.folder), safe='')}/{database}"

    def make_database(self, name):
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, text, database="postgres"):
        """Rows as lists of texts."""
        done = subprocess.run(
            ["psql", "-h", str(self.folder), "-U", "xingcha", "-d", database, "-XAtc", text],
            capture_output=True,
            text=True,
            check=True,
            timeout=paths.PATIENCE_S,
        )
        return [line.split("|") for line in done.stdout.splitlines()]


class Wire:
    """A TCP port that leads to a Unix socket. cut(): connections break, and new ones are refused. freeze(): nothing
    comes through, and nothing breaks."""

    def __init__(self, target):
        self._target = target
        self._lock = threading.Lock()
        self._open = set()
        self._flows = threading.Event()
        self._flows.set()
        self._listener = None
        self.port = None
        self.mend()

    def mend(self):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port or 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self):
        # A close() alone would leave the port open while accept() waits.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def freeze(self):
        self._flows.clear()

    def thaw(self):
        self._flows.set()

    def url(self, database):
        return f"postgresql://xingcha@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                with self._lock:
                    self._open |= {near, far}
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
