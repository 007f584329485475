"""Alarms by real faults: processes that are killed, disks that are full, mounts and keys that are wrong. Raised and
cleared, as a webhook and a syslog server hear of it."""

import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from harness import paths
from harness.audit import verify
from harness.certificates import certificate
from harness.ears import active, ears, looked_at_again
from harness.home import Home
from harness.server import Server, wait_until


def state_after_a_kill(api):
    """Kills the model's process when it is ready, starts it when nothing runs; its state before that."""
    row = api.worker() or {"state": "stopped"}
    if row["state"] == "ready" and row["pid"] > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(row["pid"], signal.SIGKILL)
    elif row["state"] != "failed":
        api.chat(max_tokens=1)
    return row["state"]


def test_a_worker_that_is_killed_again_and_again():
    with ears("udp") as told, Home() as home, Server(home, **told.settings) as server:
        wait_until(lambda: state_after_a_kill(server.api) == "failed", "it is not started any more")
        told.wait_for("worker_circuit_open", "raised")
        assert server.api.chat(max_tokens=1).status == 503
        looked_at_again(server.api, "worker_circuit_open")
        assert told.events("worker_circuit_open") == ["raised"], "told once"
        home.cli("restart", paths.MODEL)
        assert server.api.chat(max_tokens=1).status == 200
        told.wait_for("worker_circuit_open", "raised", "cleared")
        assert not active(server.api)
        told.check("worker_circuit_open", "major", "XC-A01", paths.MODEL)


@contextlib.contextmanager
def small_disk(folder, mib):
    folder.mkdir(parents=True, mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no tmpfs may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(folder):
    filler = folder / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass
    return filler


def test_an_audit_log_whose_disk_is_full():
    with ears("tcp") as told, Home(models=False) as home, small_disk(home.root / "data" / "audit", 8) as disk:
        with Server(home, **told.settings) as server:
            api = server.api
            filler = fill(disk)

            def fails():
                api.post("/admin/keys", {"name": "k"})
                return api.get("/admin/audit/head").json()["failing"]

            wait_until(fails, "the log cannot be written")
            told.wait_for("audit_not_writable", "raised")
            looked_at_again(api, "audit_not_writable")
            assert told.events("audit_not_writable") == ["raised"], "told once"
            filler.unlink()
            told.wait_for("audit_not_writable", "raised", "cleared")
            assert api.post("/admin/keys", {"name": "k"}).status == 200
            told.check("audit_not_writable", "critical", "XC-A03", str(disk))
        assert verify(home)["good"], "nothing that was admitted is lost"


@pytest.mark.slow
def test_a_witness_whose_mount_is_gone():
    """Slow: it may be behind for a minute before anybody is told."""
    with ears("udp") as told, Home(models=False) as home:
        mount = home.root / "mount"
        mount.mkdir()
        with Server(home, XINGCHA_AUDIT_WITNESS_FILE=str(mount / "heads"), **told.settings) as server:
            wait_until((mount / "heads").exists, "a head is pushed")
            shutil.rmtree(mount)
            assert server.api.post("/admin/keys", {"name": "k"}).status == 200
            told.wait_for("witness_behind", "raised")
            mount.mkdir()
            told.wait_for("witness_behind", "raised", "cleared")
            assert (mount / "heads").exists()
            told.check("witness_behind", "minor", "XC-A07", "witness_file")


def test_a_certificate_with_the_key_of_another():
    with ears("tcp") as told, Home(models=False) as home:
        us = certificate(home.root, "us", days=300)
        certificate(home.root, "them", days=300)
        settings = {"XINGCHA_ENDPOINT_CERTIFICATE": str(us), "XINGCHA_ENDPOINT_KEY": str(us.with_suffix(".key"))}
        with Server(home, **settings, **told.settings) as server:
            os.replace(home.root / "them.key", us.with_suffix(".key"))
            told.wait_for("certificate_invalid", "raised")
            assert list(active(server.api)) == ["certificate_invalid"]
            certificate(home.root, "us", days=300)
            told.wait_for("certificate_invalid", "raised", "cleared")
            told.check("certificate_invalid", "major", "XC-A08", str(us))
