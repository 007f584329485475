"""Raw sockets, for HTTP that no library would send."""

import contextlib
import socket

from harness import paths


class Raw:
    """One TCP connection to an Api's server."""

    def __init__(self, api):
        self.socket = socket.create_connection((api.host, api.port), timeout=paths.PATIENCE_S)
        self.key = api.key
        self._rest = b""

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def head(self, method, path, *lines):
        fields = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}"]
        self.send("\r\n".join([*fields, *lines]) + "\r\n\r\n")

    def _fill(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        self._rest += piece
        return bool(piece)

    def reply(self):
        """The next reply that has a Content-Length: (status, headers, body)."""
        while b"\r\n\r\n" not in self._rest:
            if not self._fill():
                raise AssertionError(f"closed before a whole head: {self._rest!r}")
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._rest) < length:
            if not self._fill():
                raise AssertionError("closed before a whole body")
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(first.split()[1]), headers, body

    def closed(self):
        """Whether the server ends the connection; reads what is left."""
        while self._fill():
            pass
        return True

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
