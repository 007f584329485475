"""A small OpenID provider with real keys (signed by the openssl program), and a browser without a window."""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import pathlib
import secrets
import subprocess
import tempfile
import threading
import time
import urllib.parse

CLIENT_ID, CLIENT_SECRET = "xingcha", "s3cret/with+signs & spaces"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, check=True, capture_output=True).stdout


def raw_of_der(der):
    """r and s of an ECDSA signature, 32 bytes each."""
    assert der[0] == 0x30 and der[2] == 2
    size = der[3]
    parts = der[4:4 + size], der[4 + size + 2:]
    return b"".join(part.lstrip(b"\0").rjust(32, b"\0") for part in parts)


class Key:
    def __init__(self, folder, kind):
        self.kid = secrets.token_hex(8)
        self.kind = kind
        self.path = pathlib.Path(folder) / f"{self.kid}.pem"
        options = ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "RSA" else ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("genpkey", "-algorithm", *options, "-out", self.path)

    def jwk(self):
        common = {"kid": self.kid, "use": "sig", "kty": self.kind}
        if self.kind == "RSA":
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
            return {**common, "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
        point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
        return {**common, "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])}

    def sign(self, text, algorithm):
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if algorithm == "PS256" else []
        signature = openssl("dgst", "-sha256", "-sign", self.path, *pss, data=text)
        return raw_of_der(signature) if algorithm == "ES256" else signature


class Provider:
    """Logs everybody in as `claims` say. `edit` changes the ID token's claims, `make` the token itself."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {"RSA": Key(folder, "RSA"), "EC": Key(folder, "EC")}
        self.algorithm = "RS256"
        self.claims = {"sub": "s-1", "preferred_username": "li", "groups": ["staff", "audit"]}
        self.metadata = {}
        self.edit = lambda claims: claims
        self.make = None
        self.refuse = None
        self.down = False
        self.codes = {}
        self.requests = []  # paths
        self.asked = []     # queries of /auth
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self, None)

            def do_POST(self):
                outer.answer(self, self.rfile.read(int(self.headers.get("content-length", 0))).decode())

            def log_message(self, *unused):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/realms/ops"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def rotate(self):
        self.keys = {"RSA": Key(self.folder, "RSA"), "EC": Key(self.folder, "EC")}

    def answer(self, handler, body):
        path, _, query = handler.path.partition("?")
        path = path.removeprefix("/realms/ops")
        self.requests.append(path)
        if self.down:
            return self.reply(handler, 503, {})
        if path == "/.well-known/openid-configuration":
            return self.reply(handler, 200, {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/auth", "token_endpoint": f"{self.url}/token/",
                "jwks_uri": f"{self.url}/keys", "end_session_endpoint": f"{self.url}/end", **self.metadata})
        if path == "/keys":
            return self.reply(handler, 200, {"keys": [key.jwk() for key in self.keys.values()]})
        if path == "/auth":
            return self.login(handler, dict(urllib.parse.parse_qsl(query)))
        if path == "/token/":
            return self.token(handler, dict(urllib.parse.parse_qsl(body or "")))
        return self.reply(handler, 404, {})

    def login(self, handler, asked):
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"error": self.refuse, "state": asked["state"]} if self.refuse else {"code": code, "state": asked["state"]}
        handler.send_response(302)
        handler.send_header("location", f"{asked['redirect_uri']}?{urllib.parse.urlencode(answer)}")
        handler.send_header("content-length", "0")
        handler.end_headers()

    def token(self, handler, form):
        pair = f"{urllib.parse.quote(CLIENT_ID, safe='')}:{urllib.parse.quote(CLIENT_SECRET, safe='')}"
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
        asked = self.codes.pop(form.get("code"), None)
        if handler.headers.get("authorization") != basic:
            return self.reply(handler, 401, {"error": "invalid_client"})
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        good = (asked and form["grant_type"] == "authorization_code" and asked["code_challenge_method"] == "S256"
                and challenge == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"])
        if not good:
            return self.reply(handler, 400, {"error": "invalid_grant"})
        now = int(time.time())
        claims = self.edit({"iss": self.url, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": asked["nonce"], **self.claims})
        token = self.make(claims) if self.make else self.signed(claims)
        return self.reply(handler, 200, {"access_token": "x", "token_type": "Bearer", "id_token": token})

    def signed(self, claims, key=None, **header):
        key = key or self.keys["EC" if self.algorithm == "ES256" else "RSA"]
        head = {"alg": self.algorithm, "kid": key.kid, "typ": "JWT", **header}
        text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{text}.{b64(key.sign(text.encode(), self.algorithm))}"

    @staticmethod
    def reply(handler, status, value):
        body = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextlib.contextmanager
def provider():
    with tempfile.TemporaryDirectory() as folder:
        made = Provider(folder)
        try:
            yield made
        finally:
            made.close()


class Browser:
    """Keeps cookies by host and port, shows every redirect instead of following it."""

    def __init__(self, language="en"):
        self.cookies = {}
        self.flags = {}
        self.language = language

    def get(self, url, method="GET", body=None, console=False):
        parts = urllib.parse.urlsplit(url)
        jar = self.cookies.setdefault(parts.netloc, {})
        headers = {"Accept-Language": self.language}
        if jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if console:
            headers["X-Xingcha-Console"] = "1"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body=body, headers=headers)
            reply = connection.getresponse()
            text = reply.read().decode()
            for name, value in reply.getheaders():
                if name.lower() != "set-cookie":
                    continue
                pair, _, self.flags[value.partition("=")[0]] = value.partition(";")
                key, _, content = pair.partition("=")
                jar.pop(key, None)
                if "Max-Age=0" not in value:
                    jar[key] = content
            return reply.status, reply.getheader("location"), text
