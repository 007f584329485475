"""A syslog server that takes nothing but RFC 5424: datagrams (RFC 5426), or streams with counted octets (RFC 6587)."""

import contextlib
import re
import socket
import threading

_WORD = r"[\x21-\x7e]"
_NAME = r'[^ =\]"\x00-\x20\x7f-\uffff]{1,32}'
_VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
_MESSAGE = re.compile(
    r"<(?P<pri>0|[1-9]\d{0,2})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) "
    rf"(?P<host>{_WORD}{{1,255}}) (?P<app>{_WORD}{{1,48}}) (?P<process>{_WORD}{{1,128}}) (?P<message_id>{_WORD}{{1,32}}) "
    rf'\[(?P<element>{_NAME})(?P<params>(?: {_NAME}="{_VALUE}")*)\] \ufeff(?P<text>[^\x00-\x1f]*)'
)
_PARAM = re.compile(rf' ({_NAME})="({_VALUE})"')


def parse(octets):
    """The parts of a message, and its parameters by their names; fails when it is none. `level`: what the protocol
    calls severity."""
    found = _MESSAGE.fullmatch(octets.decode())
    assert found, octets
    parts = found.groupdict()
    pri = int(parts.pop("pri"))
    assert pri < 192, octets
    unescaped = {name: re.sub(r"\\(.)", r"\1", value) for name, value in _PARAM.findall(parts.pop("params"))}
    return {**parts, "facility": pri // 8, "level": pri % 8, **unescaped}


def frames(octets):
    """The messages of a whole stream."""
    while octets:
        length, _, rest = octets.partition(b" ")
        assert re.fullmatch(rb"[1-9]\d*", length) and len(rest) >= int(length), octets
        yield rest[:int(length)]
        octets = rest[int(length):]


class Syslog:
    """Keeps every message, parsed; `faults` are what was none."""

    def __init__(self, way):
        assert way in ("udp", "tcp")
        self.messages, self.faults = [], []
        self._way, self._ends = way, False
        if way == "udp":
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(("127.0.0.1", 0))
        else:
            self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"{way}://127.0.0.1:{self._socket.getsockname()[1]}"

    def _keep(self, octets):
        try:
            self.messages.append(parse(octets))
        except (AssertionError, UnicodeDecodeError) as fault:
            self.faults.append(repr(fault))

    def _run(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                if self._way == "udp":
                    octets = self._socket.recv(65536)
                    if self._ends:  # a socket that is shut down gives empty datagrams until it is closed
                        return
                    self._keep(octets)
                else:
                    self._take(self._socket.accept()[0])

    def _take(self, peer):
        whole = b""
        with peer, contextlib.suppress(ConnectionResetError):
            while piece := peer.recv(65536):
                whole += piece
        try:
            messages = list(frames(whole))
        except AssertionError as fault:
            self.faults.append(repr(fault))
            return
        for message in messages:
            self._keep(message)

    def __enter__(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self._ends = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        assert not self.faults, self.faults
