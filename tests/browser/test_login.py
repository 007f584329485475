"""Login and administration of the console in a real browser: runs console/e2e/login."""

import json
import os
import shutil
import subprocess

import pytest

from harness import paths
from harness.home import Home
from harness.openid import CLIENT_ID, CLIENT_SECRET, provider
from harness.server import Server, free_port
from harness.totp import code_of

CHROMIUM = os.environ.get("XC_CHROMIUM", "/usr/bin/chromium")


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no Chromium on this machine")
@pytest.mark.skipif(not shutil.which("node"), reason="no Node on this machine")
def test_login():
    port = free_port()
    with provider() as idp, Home(models=False) as home:
        idp.claims = {"sub": "s-1", "preferred_username": "zhao", "groups": ["audit"]}
        for name, role in (("li", "auditor"), ("wang", "developer")):
            home.cli("user", "create", name, "--role", role, "--password-stdin", stdin="correct horse battery\n")
        settings = {
            "XINGCHA_OIDC_ISSUER": idp.url, "XINGCHA_OIDC_CLIENT_ID": CLIENT_ID, "XINGCHA_OIDC_NAME": "Acme",
            "XINGCHA_OIDC_CLIENT_SECRET": CLIENT_SECRET, "XINGCHA_OIDC_ROLES": "audit=auditor",
            "XINGCHA_OIDC_REDIRECT_BASE": f"http://127.0.0.1:{port}", "XINGCHA_OIDC_CREATE_USERS": "true"}
        with Server(home, listen=f"127.0.0.1:{port}", **settings) as server:
            users = server.api.get("/admin/users").json()["users"]
            li = next(user["id"] for user in users if user["name"] == "li")
            secret = server.api.post(f"/admin/users/{li}/totp", {"enabled": True}).json()["secret"]
            first = {"name": "li", "password": "correct horse battery", "code": code_of(secret, -1)}
            assert server.api.post("/admin/login", first, key=None).status == 200, "in force from here on"
            done = subprocess.run(
                ["npm", "run", "--silent", "e2e:login"],
                cwd=paths.ROOT / "console",
                env={**os.environ, "XC_CHROMIUM": CHROMIUM, "XC_E2E_URL": server.api.url, "XC_E2E_KEY": server.api.key,
                     "XC_E2E_SECRET": secret, "XC_E2E_OIDC": idp.url},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert done.returncode == 0, done.stdout[-8000:] + json.dumps(idp.requests) + server.log()
