"""Second factors and shared keys lie in the database sealed, on both databases; a rotation of the master key loses
nothing, wherever it is killed."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

from harness import paths
from harness.home import Home
from harness.openid import CLIENT_ID, CLIENT_SECRET, Browser, provider
from harness.postgres import Postgres
from harness.server import Server, free_port, wait_until
from harness.totp import code_of

PASSWORD = "correct horse battery"
ENDPOINT_KEY = "sk-of-the-endpoint"
CLEAR = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # a secret as an older program kept it


class Sqlite:
    def __init__(self, home):
        self.home = home
        self.environment = {}

    def sql(self, text):
        connection = sqlite3.connect(self.home.database())
        with connection:
            rows = [[str(value) for value in row] for row in connection.execute(text)]
        connection.close()
        return rows

    def dump(self):
        connection = sqlite3.connect(self.home.database())
        text = "\n".join(connection.iterdump())
        connection.close()
        return text


class OnPostgres:
    server = None

    def __init__(self, home):
        OnPostgres.server = OnPostgres.server or Postgres()
        self.name = "t" + random.randbytes(6).hex()
        self.environment = {"XINGCHA_DATABASE": self.server.make_database(self.name)}

    def sql(self, text):
        return self.server.sql(text, self.name)

    def dump(self):
        words = ["pg_dump", "-h", str(self.server.folder), "-U", "xingcha", self.name]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=paths.PATIENCE_S).stdout


class Site:
    """A home with a user li who has a second factor, and an endpoint with a key. Its server has ended."""

    def __init__(self, home, database):
        self.home, self.database = home, database
        self.key = home.root / "data" / "master.key"
        with self.server() as server:
            for path, body in {"pools/p": {}, "endpoints/far": {"pool": "p", "url": "http://127.0.0.1:9", "vendor": "vllm", "key": ENDPOINT_KEY}}.items():
                reply = server.api.request("PUT", "/admin/" + path, body=body)
                assert reply.status == 200, reply
            self.users = {name: self.add(server, name) for name in ("li", "wang")}
            for name in self.users:  # the first code puts it in force
                assert self.log_in(server, name).status == 200

    def server(self, **more):
        return Server(self.home, **self.database.environment, **more)

    def cli(self, *words, check=True, **more):
        return self.home.cli(*words, check=check, **self.database.environment, **more)

    @staticmethod
    def add(server, name):
        """Id and secret."""
        reply = server.api.post("/admin/users", {"name": name, "role": "auditor", "password": PASSWORD})
        assert reply.status == 200, reply
        user = reply.json()["id"]
        return user, server.api.post(f"/admin/users/{user}/totp", {"enabled": True}).json()["secret"]

    def log_in(self, server, name="li", secret=None, password=PASSWORD):
        """Each code works once: the step of the last one is forgotten."""
        self.database.sql("UPDATE users SET totp_step = 0, failures = 0")
        code = code_of(secret or self.users[name][1])
        return server.api.post("/admin/login", {"name": name, "password": password, "code": code}, key=None)

    def doctor(self, **more):
        done = self.cli("doctor", "--json", check=False, **more)
        return {row["id"]: row for row in json.loads(done.stdout)["checks"]}

    def problems(self):
        return {name for name, row in self.doctor().items()
                if row["status"] == "problem" and name.partition(":")[0] in ("master-key", "endpoint", "second-factor", "login-key")}

    def works(self):
        with self.server() as server:
            assert self.log_in(server).status == 200, server.log()
            assert self.log_in(server, "wang").status == 200
            assert not server.api.get("/admin/pools").json()["endpoints"][0]["key_unread"]


@pytest.fixture(params=[Sqlite, OnPostgres])
def site(request):
    with Home(models=False) as home:
        yield Site(home, request.param(home))


def test_it_is_nowhere_in_the_clear(site):
    dump = site.database.dump()
    assert site.users["li"][0] in dump, "it is the whole database"
    secrets = [secret for _, secret in site.users.values()]
    for text in (*secrets, ENDPOINT_KEY):
        assert text not in dump
        for path in site.home.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert text.encode() not in path.read_bytes(), path
    site.works()


def test_what_an_older_program_left_is_sealed_at_start(site):
    user = site.users["li"][0]
    site.database.sql(f"UPDATE users SET totp_secret = '{CLEAR}' WHERE id = '{user}'")
    with site.server() as server:
        assert CLEAR not in site.database.dump()
        assert site.log_in(server, secret=CLEAR).status == 200


def test_a_secret_that_was_moved_to_another_user_does_not_open(site):
    """Who can write the database but has no master key cannot give another user the codes of their own phone."""
    li, wang = site.users["li"][0], site.users["wang"][0]
    site.database.sql(f"UPDATE users SET totp_secret = (SELECT totp_secret FROM users WHERE id = '{li}') WHERE id = '{wang}'")
    assert site.problems() == {"second-factor:default/wang"}
    with site.server() as server:
        assert "default/wang" in server.log()
        refused = site.log_in(server, "wang", secret=site.users["li"][1])
        assert refused.status == 503, refused
        assert site.log_in(server).status == 200, "nobody else is concerned"


def test_another_master_key(site):
    right, before = site.key.read_text(), site.database.dump()
    site.key.write_text("0" * 64 + "\n")
    assert site.problems() == {"endpoint:far", "second-factor:default/li", "second-factor:default/wang"}
    refused = site.cli("secrets", "rotate", check=False)
    assert refused.returncode == 1 and "default/li" in refused.stderr and "far" in refused.stderr
    assert site.key.read_text() == "0" * 64 + "\n", "nothing was touched"
    with site.server() as server:
        answer = site.log_in(server)
        assert answer.status == 503 and "管理员" in answer.json()["error"]["message"], answer
        assert site.log_in(server, password="wrong password").status == 401, "strangers are told nothing"
        assert server.api.get("/readyz").status == 200
        plain = server.api.post("/admin/users", {"name": "zhao", "role": "auditor", "password": PASSWORD}).json()["id"]
        assert server.api.post("/admin/login", {"name": "zhao", "password": PASSWORD}, key=None).status == 200
        assert server.api.post(f"/admin/users/{plain}/disable", {}).status == 200
        # The way out without the old file: another authenticator.
        renewed = server.api.post(f"/admin/users/{site.users['wang'][0]}/totp", {"enabled": True}).json()["secret"]
        assert site.log_in(server, "wang", secret=renewed).status == 200
    kept = [line for line in before.splitlines() if site.users["li"][0] in line and "sealed:1:" in line]
    sealed = kept[0].split("sealed:1:")[1].split("'")[0].split("\t")[0]
    assert sealed in site.database.dump(), "it waits for the right file"
    site.key.write_text(right)
    with site.server() as server:
        assert site.log_in(server).status == 200


def test_a_rotation(site):
    before = site.key.read_text()
    done = site.cli("secrets", "rotate")
    assert "3 secrets" in done.stdout, done.stdout
    assert site.key.read_text() != before and len(site.key.read_text().split()) == 1
    assert site.key.stat().st_mode & 0o777 == 0o600
    assert not list(site.key.parent.glob("master.key.*"))
    site.works()
    new = site.key.read_text()
    site.key.write_text(before)
    assert "second-factor:default/li" in site.problems(), "the old key opens nothing any more"
    site.key.write_text(new)
    site.cli("secrets", "rotate")
    site.works()


def test_a_rotation_keeps_away_from_running_servers(site):
    before = site.key.read_text()
    with site.server() as server:
        refused = site.cli("secrets", "rotate", check=False)
        assert refused.returncode == 1 and f"process {server.process.pid}" in refused.stderr, refused.stderr
        # The same file, but another home: the key is held, not the home.
        with Home(models=False) as other:
            refused = other.cli("secrets", "rotate", check=False, XINGCHA_MASTER_KEY=str(site.key), **site.database.environment)
            assert refused.returncode == 1, refused.stdout
            assert "in use" in refused.stderr or "still run" in refused.stderr, refused.stderr
        assert site.log_in(server).status == 200
    assert site.key.read_text() == before


def test_a_file_behind_a_link_is_replaced_where_it_is(site):
    folder = site.home.root / "keys"
    folder.mkdir(mode=0o700)
    shutil.move(site.key, folder / "it")
    site.key.symlink_to(folder / "it")
    before = (folder / "it").read_text()
    site.cli("secrets", "rotate")
    assert site.key.is_symlink() and (folder / "it").read_text() != before
    site.works()


def test_without_a_file_there_is_nothing_to_rotate(site):
    site.key.unlink()
    assert site.problems() == {"master-key"}
    refused = site.cli("secrets", "rotate", check=False)
    assert refused.returncode == 1 and "master.key" in refused.stderr
    assert not site.key.exists()


def fill(site, count):
    """Users whose secrets lie in the clear, until the next start."""
    rows = ", ".join(f"('f{i}', 'default', 'f{i}', 'auditor', 'x', '{CLEAR}', 1)" for i in range(count))
    site.database.sql(f"INSERT INTO users (id, tenant, name, role, password_hash, totp_secret, created_unix_ms) VALUES {rows}")
    with site.server():
        assert CLEAR not in site.database.dump()


def test_a_rotation_that_is_killed_at_any_moment(site):
    fill(site, 1500)
    environment = paths.clean_environment(XINGCHA_HOME=str(site.home.root), **site.database.environment)
    started = time.monotonic()
    site.cli("secrets", "rotate")
    whole = time.monotonic() - started
    torn = 0
    chance = random.Random(5)
    for _ in range(25):
        process = subprocess.Popen([str(paths.PROGRAM), "secrets", "rotate"], env=environment, stdout=subprocess.DEVNULL)
        time.sleep(chance.random() * whole * 1.1)
        process.kill()
        assert process.wait() in (0, -9)
        checks = site.doctor()
        assert not [name for name in checks if name.startswith(("endpoint:", "second-factor:"))], checks
        if len(site.key.read_text().split()) == 2:
            torn += 1
            assert checks["master-key"]["status"] == "warning"
            if torn == 1:  # a server that starts now works, and what is left waits
                site.works()
                assert len(site.key.read_text().split()) == 2
    print(f"{torn} of 25 were killed in the middle")
    site.cli("secrets", "rotate")
    assert len(site.key.read_text().split()) == 1
    assert not list(site.key.parent.glob("master.key.*")), "no keys are left beside it"
    assert site.doctor()["master-key"]["status"] == "ok"
    site.works()


def test_gateways_that_start_at_once_seal_once(site):
    if isinstance(site.database, Sqlite):
        pytest.skip("one gateway a file")
    rows = ", ".join(f"('f{i}', 'default', 'f{i}', 'auditor', 'x', '{CLEAR}', 1)" for i in range(800))
    site.database.sql(f"INSERT INTO users (id, tenant, name, role, password_hash, totp_secret, created_unix_ms) VALUES {rows}")
    with Home(models=False) as second, Home(models=False) as third:
        servers = [site.server()]
        for home in (second, third):
            shutil.copy2(site.home.root / "credentials.toml", home.root)
            servers.append(Server(home, XINGCHA_MASTER_KEY=str(site.key), **site.database.environment))
        try:
            for server in servers:
                server.launch()
            for server in servers:
                wait_until(lambda: server.out.read_text().count("http"), "it says where it is")
            assert CLEAR not in site.database.dump()
        finally:
            for server in servers:
                server.stop()
        assert site.problems() == set()


def test_a_gateway_elsewhere_stops_a_rotation(site):
    if isinstance(site.database, Sqlite):
        pytest.skip("one gateway a file")
    with Home(models=False) as other:
        (other.root / "data").mkdir(mode=0o700)
        shutil.copy2(site.key, other.root / "data" / "master.key")  # a copy, as on another machine
        shutil.copy2(site.home.root / "credentials.toml", other.root)
        with Server(other, **site.database.environment) as server:
            assert site.log_in(server).status == 200
            wait_until(lambda: site.database.sql("SELECT log FROM gateways"), "it is counted")
            refused = site.cli("secrets", "rotate", check=False)
            assert refused.returncode == 1 and "still run" in refused.stderr, refused.stderr
        site.cli("secrets", "rotate")
        os.unlink(other.root / "data" / "master.key")
        shutil.copy2(site.key, other.root / "data" / "master.key")
        with Server(other, **site.database.environment) as server:
            assert site.log_in(server).status == 200


def test_the_key_of_logins_at_a_provider(site):
    with provider() as idp:
        port = free_port()
        secret = site.home.root / "client.secret"
        secret.write_text(CLIENT_SECRET + "\n")
        oidc = {
            "XINGCHA_OIDC_ISSUER": idp.url, "XINGCHA_OIDC_CLIENT_ID": CLIENT_ID,
            "XINGCHA_OIDC_CLIENT_SECRET_FILE": str(secret), "XINGCHA_OIDC_ROLES": "audit=auditor",
            "XINGCHA_OIDC_REDIRECT_BASE": f"http://127.0.0.1:{port}", "XINGCHA_OIDC_CREATE_USERS": "true"}

        def log_in():
            with site.server(listen=f"127.0.0.1:{port}", **oidc) as server:
                browser = Browser()
                status, location, text = browser.get(server.api.url + "/admin/oidc/start?return=/")
                if status != 302:
                    return status, text
                return browser.get(browser.get(location)[1])[0]  # to the provider and back

        assert log_in() == 303
        first = site.database.sql("SELECT value FROM identity_secrets")
        assert len(first) == 1 and first[0][0].startswith("sealed:1:")
        assert log_in() == 303 and site.database.sql("SELECT value FROM identity_secrets") == first
        site.database.sql(f"UPDATE identity_secrets SET value = '{'ab' * 32}'")
        assert log_in() == 303, "an older program's"
        assert site.database.sql("SELECT value FROM identity_secrets")[0][0].startswith("sealed:1:")
        right = site.key.read_text()
        site.key.write_text("1" * 64 + "\n")
        assert "login-key" in site.problems()
        status, text = log_in()
        assert "Single sign-on cannot be used" in text, (status, text)
        site.key.write_text(right)
        site.cli("secrets", "rotate")
        assert site.database.sql("SELECT value FROM identity_secrets") == [], "the next login makes another"
        assert log_in() == 303 and "login-key" not in site.problems()
