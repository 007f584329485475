"""xingcha doctor on homes that something is wrong with."""

import json
import shutil

from harness.certificates import certificate
from harness.home import Home
from harness.server import Server


def doctor(home, *arguments, **environment):
    done = home.cli("doctor", "--json", *arguments, check=False, **environment)
    rows = json.loads(done.stdout)["checks"]
    return {row["id"]: row for row in rows}


def test_a_home_before_its_first_start():
    with Home(models=False) as home:
        checks = doctor(home)
        assert checks["database"]["status"] == checks["audit"]["status"] == "ok"
        assert "clock" in checks and not (home.root / "data").exists(), "looking makes nothing"


def test_certificates_receivers_and_a_cut_log():
    with Home(models=False) as home:
        witness = home.root / "w.heads"
        certificate(home.root, "gateway", days=5)
        with Server(home, XINGCHA_AUDIT_WITNESS_FILE=str(witness)) as server:
            server.api.post("/admin/keys", {"name": "a"})
            early = home.root / "early"
            shutil.copytree(home.root / "data" / "audit", early)
        with Server(home, XINGCHA_AUDIT_WITNESS_FILE=str(witness)) as server:
            for name in "bcd":
                server.api.post("/admin/keys", {"name": name})
        settings = {"XINGCHA_AUDIT_WITNESS_FILE": str(witness), "XINGCHA_ALARMS_SYSLOG": "nowhere",
                    "XINGCHA_TLS_CERTIFICATE": str(home.root / "gateway.pem"),
                    "XINGCHA_TLS_KEY": str(home.root / "gateway.key")}
        with Server(home, XINGCHA_AUDIT_WITNESS_FILE=str(witness)):
            pass
        checks = doctor(home, **settings)
        assert checks["certificate"]["status"] == "warning" and "CN=gateway" in checks["certificate"]["text"]
        assert checks["alarms.syslog"]["status"] == "problem"
        assert checks["database"]["status"] == "ok" and checks["audit"]["status"] == "ok"
        assert doctor(home, "--verify", **settings)["audit"]["status"] == "ok"
        shutil.rmtree(home.root / "data" / "audit")
        shutil.move(early, home.root / "data" / "audit")
        assert doctor(home, **settings)["audit"]["status"] == "problem", "an old copy was put back"
        (home.root / "data" / "xingcha.db").write_bytes(b"not a database at all" * 100)
        assert doctor(home)["database"]["status"] == "problem"


def test_active_alarms_are_shown():
    with Home(models=False) as home, Server(home, XINGCHA_ALARMS_DISK_FREE_MIB=str(1 << 30)):
        row = doctor(home)["alarm:disk_low"]
        assert row["status"] == "warning" and "XC-A02" in row["text"]
