"""Single sign-on at a real little provider: what works, and everything that must not."""

import contextlib
import hashlib
import hmac
import json
import time
import urllib.parse

from harness.home import Home
from harness.openid import CLIENT_ID, CLIENT_SECRET, Browser, b64, provider
from harness.server import Server, free_port, wait_until

ROLES = "admins=platform_admin,ops=tenant_admin,audit=auditor"


@contextlib.contextmanager
def gateway(idp, **settings):
    port = free_port()
    with Home(models=False) as home:
        secret = home.root / "client.secret"
        secret.write_text(CLIENT_SECRET + "\n")
        environment = {
            "XINGCHA_OIDC_ISSUER": idp.url, "XINGCHA_OIDC_CLIENT_ID": CLIENT_ID,
            "XINGCHA_OIDC_CLIENT_SECRET_FILE": str(secret), "XINGCHA_OIDC_ROLES": ROLES,
            "XINGCHA_OIDC_REDIRECT_BASE": f"http://127.0.0.1:{port}", "XINGCHA_OIDC_CREATE_USERS": "true",
            "XINGCHA_OIDC_NAME": "Acme", **settings}
        with Server(home, listen=f"127.0.0.1:{port}", **environment) as server:
            server.settings = environment
            try:
                yield server
            except BaseException:
                print(server.log())
                raise


def start(server, browser, back="/"):
    status, location, text = browser.get(f"{server.api.url}/admin/oidc/start?return={urllib.parse.quote(back, safe='')}")
    assert status == 302, text
    return location


def log_in(server, browser, back="/"):
    """The whole way: status, location and text of the callback."""
    status, location, text = browser.get(start(server, browser, back))
    assert status == 302, text
    return browser.get(location)


def part(**fields):
    """One part of a token."""
    return b64(json.dumps(fields).encode())


def whoami(server, browser):
    status, _, text = browser.get(f"{server.api.url}/admin/whoami", console=True)
    return json.loads(text) if status == 200 else None


def test_a_login_with_every_algorithm():
    with provider() as idp, gateway(idp) as server:
        users = set()
        for algorithm in ("RS256", "ES256", "PS256"):
            idp.algorithm = algorithm
            browser = Browser()
            status, location, text = log_in(server, browser, "/#/admin/users")
            assert (status, location) == (303, "/#/admin/users"), text
            who = whoami(server, browser)
            assert (who["name"], who["role"], who["tenant"]) == ("li", "auditor", "default")
            users.add(who["user_id"])
            assert "HttpOnly" in browser.flags["xingcha_session"] and "SameSite=Strict" in browser.flags["xingcha_session"]
            assert browser.cookies[f"127.0.0.1:{server.api.port}"].keys() == {"xingcha_session"}, "the login's cookie is gone"
            assert "SameSite=Lax" in browser.flags["xingcha_login"]
        assert len(users) == 1, "one subject is one user"
        asked = idp.asked[-1]
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert len(asked["nonce"]) >= 43 and asked["nonce"] != idp.asked[0]["nonce"]
        assert asked["scope"] == "openid profile email"
        assert idp.requests.count("/keys") == idp.requests.count("/.well-known/openid-configuration") == 1

        def on_record():
            records = server.api.get("/admin/audit/records").body.decode()
            return "/admin/oidc/callback" in records and "user_made" in records

        wait_until(on_record, "the login and the new user are on record")
        logout = json.loads(browser.get(f"{server.api.url}/admin/logout", "POST", "{}", console=True)[2])
        assert logout["provider_logout_url"].startswith(f"{idp.url}/end?client_id=xingcha&post_logout_redirect_uri=")
        assert whoami(server, browser) is None


def test_tokens_that_are_not_believed():
    now = int(time.time())
    other = "https://evil.example"
    edits = {
        "nonce": lambda c: {**c, "nonce": "x" * 43},
        "expired": lambda c: {**c, "exp": now - 3600, "iat": now - 7200},
        "audience": lambda c: {**c, "aud": "another"},
        "issuer": lambda c: {**c, "iss": other},
        "not yet": lambda c: {**c, "iat": now + 3600},
        "subject": lambda c: {**c, "sub": ""},
    }
    with provider() as idp, gateway(idp) as server:
        for fault, edit in edits.items():
            idp.edit = edit
            browser = Browser()
            status, _, text = log_in(server, browser)
            assert status == 401 and f"({fault})" in text, text
            assert whoami(server, browser) is None
        idp.edit = lambda claims: claims

        def unsigned(claims):
            return f"{part(alg='none')}.{part(**claims)}."

        def by_secret(claims):
            text = f"{part(alg='HS256')}.{part(**claims)}"
            return f"{text}.{b64(hmac.digest(CLIENT_SECRET.encode(), text.encode(), hashlib.sha256))}"

        def changed(claims):
            head, payload, signature = idp.signed(claims).split(".")
            return f"{head}.{part(**{**claims, 'groups': ['admins']})}.{signature}"

        for make, fault in ((unsigned, "algorithm"), (by_secret, "algorithm"), (changed, "signature"),
                            (lambda claims: "no token", "malformed")):
            idp.make = make
            status, _, text = log_in(server, Browser())
            assert status == 401 and f"({fault})" in text, text
        idp.make = None
        assert log_in(server, Browser())[0] == 303, "the same provider, told right"
        users = server.api.get("/admin/users").json()["users"]
        assert [user["name"] for user in users] == ["li"], "nothing was made of the others"


def test_a_state_works_once_and_in_its_browser():
    with provider() as idp, gateway(idp) as server:
        browser = Browser()
        _, callback, _ = browser.get(start(server, browser))
        cookies = dict(browser.cookies[f"127.0.0.1:{server.api.port}"])
        assert browser.get(callback)[0] == 303
        exchanges = idp.requests.count("/token/")
        thief = Browser("zh")
        thief.cookies[f"127.0.0.1:{server.api.port}"] = cookies
        status, _, text = thief.get(callback)
        assert status == 400 and "已用过" in text and 'lang="zh-CN"' in text
        assert Browser().get(callback)[0] == 400, "no cookie"
        victim = Browser()
        start(server, victim)
        assert victim.get(callback)[0] == 400, "a callback of another browser: a login that was slipped in"
        assert idp.requests.count("/token/") == exchanges, "the code went nowhere"
        assert whoami(server, victim) is None
        idp.refuse = "access_denied"
        status, _, text = log_in(server, Browser())
        assert status == 401 and "access_denied" in text


def test_it_goes_back_to_this_site_only():
    with provider() as idp, gateway(idp) as server:
        for back in ("//evil.example", "/\\evil.example", "https://evil.example/", "/\r\nX-Injected: 1", "javascript:alert(1)"):
            status, location, _ = log_in(server, Browser(), back)
            assert (status, location) == (303, "/"), back


def test_keys_that_were_changed():
    with provider() as idp, gateway(idp) as server:
        assert log_in(server, Browser())[0] == 303
        old = idp.keys["RSA"]
        idp.rotate()
        first = log_in(server, Browser())[0]
        assert first in (303, 401), "asked for the new ones at most so often"
        before = idp.requests.count("/keys")
        for _ in range(5):
            log_in(server, Browser())
        assert idp.requests.count("/keys") - before <= 1, "strangers cannot make it ask all the time"
        wait_until(lambda: log_in(server, Browser())[0] == 303, "the new keys are read")
        idp.make = lambda claims: idp.signed(claims, key=old)
        status, _, text = log_in(server, Browser())
        assert status == 401 and "(unknown key)" in text, "the old key is worth nothing"


def test_who_has_no_role_or_is_disabled_stays_out():
    with provider() as idp, gateway(idp) as server:
        idp.claims = {"sub": "s-2", "groups": ["visitors"]}
        status, _, text = log_in(server, Browser("zh"))
        assert status == 403 and "没有角色" in text and "回到登录页" in text
        status, _, text = log_in(server, Browser("en"))
        assert status == 403 and "no role" in text
        assert server.api.get("/admin/users").json()["users"] == []
        idp.claims = {"sub": "s-3", "preferred_username": "wang", "groups": ["audit"]}
        browser = Browser()
        assert log_in(server, browser)[0] == 303
        user = whoami(server, browser)["user_id"]
        idp.claims["groups"] = ["ops"]
        assert log_in(server, Browser())[0] == 303
        assert whoami(server, browser)["role"] == "tenant_admin", "the provider decides, also for sessions that run"
        assert server.api.post(f"/admin/users/{user}/disable", {}).status == 200
        assert whoami(server, browser) is None
        status, _, text = log_in(server, Browser())
        assert status == 403 and "disabled" in text
        for group in ("audit", "admins"):
            idp.claims["groups"] = [group]
            assert log_in(server, Browser())[0] == 403


def test_tenants_by_claim_and_users_made_before():
    settings = {"XINGCHA_OIDC_TENANT_CLAIM": "org.name", "XINGCHA_OIDC_CREATE_USERS": "false"}
    with provider() as idp, gateway(idp, **settings) as server:
        assert server.api.post("/admin/tenants", {"name": "acme"}).status == 200
        idp.claims = {"sub": "s-1", "groups": ["ops"], "org": {"name": "acme"}}
        status, _, text = log_in(server, Browser())
        assert status == 403 and "not a user of this platform yet" in text
        made = server.api.post("/admin/users", {"name": "li", "tenant": "acme", "role": "developer", "subject": "s-1"})
        assert made.status == 200, made
        browser = Browser()
        assert log_in(server, browser)[0] == 303
        who = whoami(server, browser)
        assert (who["tenant"], who["role"], who["user_id"]) == ("acme", "tenant_admin", made.json()["id"])
        again = server.api.post("/admin/users", {"name": "x", "tenant": "acme", "role": "developer", "subject": "s-1"})
        assert again.status == 409, again
        idp.claims["org"] = {"name": "nowhere<script>"}
        status, _, text = log_in(server, Browser())
        assert status == 403 and "nowhere&lt;script&gt;" in text


def test_a_provider_that_is_down_or_lies():
    with provider() as idp:
        idp.down = True
        with gateway(idp) as server:
            status, _, text = Browser().get(f"{server.api.url}/admin/oidc/start")
            assert status == 502 and "log in with a local password" in text
            assert idp.requests.count("/.well-known/openid-configuration") == 1
            for _ in range(5):
                assert Browser().get(f"{server.api.url}/admin/oidc/start")[0] == 502
            assert idp.requests.count("/.well-known/openid-configuration") == 1, "not asked again at once"
            server.home.cli("user", "create", "li", "--role", "auditor", "--password-stdin", stdin="correct horse battery\n")
            body = json.dumps({"name": "li", "password": "correct horse battery"})
            assert Browser().get(f"{server.api.url}/admin/login", "POST", body, console=True)[0] == 200
            idp.down = False
            wait_until(lambda: Browser().get(f"{server.api.url}/admin/oidc/start")[0] == 302, "it is back")
            assert log_in(server, Browser())[0] == 303
    lies = {"issuer": "https://evil.example", "jwks_uri": "file:///etc/passwd", "token_endpoint": "http://169.254.169.254/latest"}
    for field, value in lies.items():
        with provider() as idp:
            idp.metadata = {field: value}
            with gateway(idp) as server:
                browser = Browser()
                status, location, text = browser.get(f"{server.api.url}/admin/oidc/start")
                if status == 302:
                    status, _, text = browser.get(browser.get(location)[1])
                assert status == 502, (field, status, text)
                assert ("link-local" in server.log()) == (field == "token_endpoint")


def test_failures_of_one_address_are_slowed_down():
    with provider() as idp, gateway(idp) as server:
        statuses = [Browser().get(f"{server.api.url}/admin/oidc/callback?code=a&state=b")[0] for _ in range(22)]
        assert statuses[:20] == [400] * 20 and statuses[20:] == [429] * 2


def test_the_secret_is_shown_nowhere_and_doctor_looks():
    with provider() as idp, gateway(idp) as server:
        assert log_in(server, Browser())[0] == 303
        doctor = json.loads(server.home.cli("doctor", "--json", check=False, **server.settings).stdout)
        row = next(row for row in doctor["checks"] if row["id"] == "oidc")
        assert row["status"] == "ok" and f"{server.api.url}/admin/oidc/callback" in row["text"]
        direct = {**server.settings, "XINGCHA_OIDC_CLIENT_SECRET": CLIENT_SECRET}
        direct.pop("XINGCHA_OIDC_CLIENT_SECRET_FILE")
        printed = server.home.cli("serve", "--print-config", **direct).stdout
        assert "client_secret = " in printed
        shown = server.api.get("/admin/config").body.decode()
        assert "oidc.client_secret" in shown
        for text in (shown, printed, server.log(), json.dumps(doctor)):
            assert CLIENT_SECRET not in text
        idp.metadata = {"issuer": "https://evil.example"}
        doctor = json.loads(server.home.cli("doctor", "--json", check=False, **server.settings).stdout)
        assert next(row for row in doctor["checks"] if row["id"] == "oidc")["status"] == "problem"
        for change in ({"ISSUER": "http://idp.example"}, {"REDIRECT_BASE": "https://a/b"}, {"ROLES": "admins=boss"},
                       {"SCOPES": "profile"}, {"CLIENT_ID": ""}, {"ROLES": ""}, {"CLIENT_SECRET": "x"},
                       {"CLIENT_SECRET_FILE": "/nowhere"}):
            wrong = {**server.settings, **{f"XINGCHA_OIDC_{name}": value for name, value in change.items()}}
            with Home(models=False) as home:
                done = home.cli("serve", check=False, XINGCHA_LISTEN="127.0.0.1:0", **wrong)
                assert done.returncode != 0 and "Traceback" not in done.stderr, change
