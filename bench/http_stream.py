"""A small HTTP/1.1 client over TCP or a Unix socket: little overhead, exact times, no dependencies."""
import json
import socket
import time


class Connection:
    def __init__(self, address, key=""):
        """address: ("host", port) or a path."""
        self.address, self.key = address, key
        self.sock, self.buffer = None, b""

    def open(self):
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(600)
        self.sock.connect(self.address)
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        return self

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def send(self, path, body):
        data = json.dumps(body).encode()
        auth = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (f"POST {path} HTTP/1.1\r\nHost: bench\r\n{auth}Content-Type: application/json\r\n"
                f"Content-Length: {len(data)}\r\n\r\n")
        self.sock.sendall(head.encode() + data)

    def _fill(self):
        piece = self.sock.recv(1 << 16)
        if not piece:
            raise ConnectionError("closed by the peer")
        self.buffer += piece

    def _until(self, mark):
        while mark not in self.buffer:
            self._fill()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._fill()
        part, self.buffer = self.buffer[:count], self.buffer[count:]
        return part

    def head(self):
        lines = self._until(b"\r\n\r\n").decode("latin1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = dict((k.strip().lower(), v.strip()) for k, v in
                       (line.split(":", 1) for line in lines[1:]))
        return status, headers

    def pieces(self, headers):
        """The body as it arrives: (time, bytes)."""
        if "content-length" in headers:
            yield time.perf_counter(), self._exactly(int(headers["content-length"]))
            return
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            data = self._exactly(size)
            self._exactly(2)
            if size == 0:
                return
            yield time.perf_counter(), data

    def post(self, path, body):
        """One request: (status, JSON)."""
        self.send(path, body)
        status, headers = self.head()
        data = b"".join(piece for _, piece in self.pieces(headers))
        return status, json.loads(data or b"null")

    def stream(self, path, body):
        """Start time and the times of the SSE events that carry text; raises on an error status."""
        started = time.perf_counter()
        self.send(path, body)
        status, headers = self.head()
        times, rest, usage = [], b"", None
        for when, piece in self.pieces(headers):
            if status != 200:
                raise RuntimeError(f"{status} {piece[:300]!r}")
            rest += piece
            *events, rest = rest.split(b"\n\n")
            for event in events:
                if not event.startswith(b"data: {"):
                    continue
                data = json.loads(event[6:])
                if "error" in data:
                    raise RuntimeError(data["error"])
                usage = data.get("usage") or usage
                choice = (data.get("choices") or [{}])[0]
                text = choice.get("text") or (choice.get("delta") or {}).get("content")
                if text:
                    times.append(when)
        return started, times, usage
