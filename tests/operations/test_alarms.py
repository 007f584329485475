"""Alarms of the real program: raised, delivered, acknowledged, cleared."""

import hashlib
import hmac
import socket
import ssl
import time

from harness import paths
from harness.certificates import certificate
from harness.collector import receiver
from harness.home import Home
from harness.server import Server, wait_until

HUGE = str(1 << 30)  # no disk has this many MiB free


def alarms(server):
    return {row["alarm"]: row for row in server.api.get("/admin/alarms").json()["alarms"]}


def recorded(server):
    records = server.api.get("/admin/audit/records?kind=event").json()["records"]
    return [r["record"]["event"] for r in records if r["record"]["event"].startswith("alarm_")]


def test_a_condition_is_an_alarm_until_it_is_gone():
    with receiver() as hook, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog, Home(models=False) as home:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(30)
        hook.statuses = [503]  # the first try fails
        (home.root / "config.toml").write_text(f"[alarms]\ndisk_free_mib = {HUGE}\n")
        with Server(home, XINGCHA_ALARMS_WEBHOOK=hook.url + "/hook?token=t",
                    XINGCHA_ALARMS_WEBHOOK_SECRET="s3cret",
                    XINGCHA_ALARMS_SYSLOG=f"udp://127.0.0.1:{syslog.getsockname()[1]}") as server:
            row = wait_until(lambda: alarms(server).get("disk_low"), "the alarm is raised")
            assert row["severity"] == "major" and row["runbook"] == "XC-A02"
            assert server.api.metric("xingcha_alarms", alarm="disk_low") == 1
            message = syslog.recv(65536).decode()
            assert message.startswith("<131>1 ") and 'alarm="disk_low"' in message
            wait_until(lambda: hook.posts, "the webhook is tried again")
            path, headers, body = hook.posts[0]
            assert path == "/hook?token=t"
            expected = hmac.new(b"s3cret", f"{headers['X-Xingcha-Timestamp']}.".encode() + body, hashlib.sha256)
            assert headers["X-Xingcha-Signature"] == "v1=" + expected.hexdigest()
            assert abs(int(headers["X-Xingcha-Timestamp"]) - time.time()) < 60
            assert hook.bodies()[0]["event"] == "raised" and hook.bodies()[0]["id"] == row["id"]

            assert server.api.post("/admin/alarms/alm_none/acknowledge", {}).status == 404
            acknowledged = server.api.post(f"/admin/alarms/{row['id']}/acknowledge", {})
            assert acknowledged.status == 200 and acknowledged.json()["acknowledged_by"].startswith("key_")
            assert server.api.metric("xingcha_alarms_unacknowledged") == 0

            (home.root / "config.toml").write_text("[alarms]\ndisk_free_mib = 0\n")
            assert server.api.post("/admin/config/reload", {}).json()["applied"] == ["alarms.disk_free_mib"]
            wait_until(lambda: "disk_low" not in alarms(server), "the alarm is cleared")
            wait_until(lambda: len(hook.posts) == 3, "every change is delivered")
            assert [body["event"] for body in hook.bodies()] == ["raised", "acknowledged", "cleared"]
            assert server.api.get("/admin/alarms").json()["cleared"][0]["id"] == row["id"]
            expected = ["alarm_cleared", "alarm_acknowledged", "alarm_raised"]
            wait_until(lambda: recorded(server) == expected, "every change is in the audit log, newest first")


def test_a_bad_configuration_is_an_alarm():
    with Home(models=False) as home, Server(home, XINGCHA_ALARMS_DISK_FREE_MIB="0") as server:
        (home.root / "config.toml").write_text("nonsense = 1\n")
        assert server.api.post("/admin/config/reload", {}).status == 400
        assert alarms(server)["config_invalid"]["runbook"] == "XC-A09"


def test_a_certificate_that_ends_soon_is_an_alarm_and_goes_out_over_tls():
    with Home(models=False) as home, socket.create_server(("127.0.0.1", 0)) as listener:
        ca = certificate(home.root, "collector")
        certificate(home.root, "us", days=5)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca, ca.with_suffix(".key"))
        listener.settimeout(paths.PATIENCE_S)
        with Server(home, XINGCHA_ALARMS_DISK_FREE_MIB="0", XINGCHA_ENDPOINT_CA=str(ca),
                    XINGCHA_ENDPOINT_CERTIFICATE=str(home.root / "us.pem"),
                    XINGCHA_ENDPOINT_KEY=str(home.root / "us.key"),
                    XINGCHA_ALARMS_SYSLOG=f"tls://127.0.0.1:{listener.getsockname()[1]}") as server:
            peer, _ = listener.accept()
            with context.wrap_socket(peer, server_side=True) as stream:
                frame = b""
                while piece := stream.recv(65536):
                    frame += piece
            length, _, message = frame.partition(b" ")
            assert int(length) == len(message), "RFC 5425: octets are counted"
            assert b'alarm="certificate_expires"' in message and b"CN=us, 4 days left" in message
            assert alarms(server)["certificate_expires"]["runbook"] == "XC-A05"
            certificate(home.root, "us", days=300)
            wait_until(lambda: not alarms(server), "a renewal clears it")
