"""Certificates, client certificates and the PROXY protocol on the real listener."""

import contextlib
import http.client
import signal
import socket
import ssl

import pytest
from harness import paths
from harness.certificates import certificate
from harness.home import Home
from harness.server import Server, wait_until


def connect(server, ca, identity=None, version=None):
    context = ssl.create_default_context(cafile=ca)
    if identity:
        context.load_cert_chain(identity, identity.with_suffix(".key"))
    if version:
        context.maximum_version = version
    return http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=paths.PATIENCE_S)


class SecureServer(Server):
    """Readiness is the test's to find out: who trusts the certificate differs."""

    def start(self):
        self.launch()
        wait_until(self._url, "the server says where it is")
        self.port = int(self._url().rsplit(":", 1)[1])
        return self


def secure(home, **more):
    environment = {"XINGCHA_TLS_CERTIFICATE": str(home.root / "gateway.pem"),
                   "XINGCHA_TLS_KEY": str(home.root / "gateway.key"), **more}
    return SecureServer(home, **environment)


def status(connection, path="/healthz"):
    connection.request("GET", path)
    reply = connection.getresponse()
    reply.read()
    return reply.status


def test_a_renewed_certificate_is_used_and_no_connection_ends():
    with Home(models=False) as home:
        old = home.root / "old.pem"
        old.write_bytes(certificate(home.root, "gateway").read_bytes())
        with secure(home) as server:
            kept = connect(server, old)
            assert status(kept) == 200
            new = certificate(home.root, "gateway")
            wait_until(lambda: accepts(server, new), "the new certificate is in force by itself")
            assert status(kept) == 200, "the connection from before goes on"
            with pytest.raises(ssl.SSLError):
                status(connect(server, old))
            (home.root / "gateway.key").write_text("rubbish")
            server.signal(signal.SIGHUP)
            wait_until(lambda: "tls.key" in server.err.read_text(), "the log says what is wrong")
            assert accepts(server, new), "a bad file changes nothing"
            assert status(kept) == 200


def accepts(server, ca, **how):
    try:
        return status(connect(server, ca, **how)) == 200
    except (ssl.SSLError, OSError):
        return False


def test_clients_need_a_certificate_when_an_authority_is_named():
    with Home(models=False) as home:
        ca = certificate(home.root, "gateway")
        friend, stranger = certificate(home.root, "friend"), certificate(home.root, "stranger")
        with secure(home, XINGCHA_TLS_CLIENT_CA=str(friend)) as server:
            assert accepts(server, ca, identity=friend)
            assert not accepts(server, ca)
            assert not accepts(server, ca, identity=stranger)


def test_the_older_version_is_off_unless_allowed():
    with Home(models=False) as home:
        ca = certificate(home.root, "gateway")
        with secure(home) as server:
            assert accepts(server, ca)
            assert not accepts(server, ca, version=ssl.TLSVersion.TLSv1_2)
        with secure(home, XINGCHA_TLS_MIN_VERSION="1.2") as server:
            assert accepts(server, ca, version=ssl.TLSVersion.TLSv1_2)


def test_a_source_range_sees_the_address_that_the_proxy_names():
    with Home(models=False) as home:
        with Server(home) as server:
            key = server.api.post("/admin/keys", {"name": "far", "sources": ["203.0.113.0/24"]}).json()["key"]
            port = server.api.port
            assert ask(port, b"", key) == 403, "from here it is out of range"
            assert ask(port, b"PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n", key) == 400, "off unless configured"
        with SecureServer(home, XINGCHA_PROXY_PROTOCOL_TRUSTED="127.0.0.0/8") as server:
            assert ask(server.port, b"PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n", key) == 200
            second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, 9, 10, 0, 0, 1, 0, 1, 0, 2])
            assert ask(server.port, second, key) == 200
            assert ask(server.port, b"PROXY TCP4 198.51.100.1 10.0.0.1 1 2\r\n", key) == 403
            assert ask(server.port, b"", key) is None, "a trusted proxy must say who comes"


def ask(port, head, key):
    with socket.create_connection(("127.0.0.1", port), timeout=paths.PATIENCE_S) as s:
        s.sendall(head + b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                  + f"Authorization: Bearer {key}\r\n\r\n".encode())
        reply = b""
        with contextlib.suppress(ConnectionResetError):  # closed with the request unread
            while piece := s.recv(65536):
                reply += piece
        return int(reply.split()[1]) if reply else None
