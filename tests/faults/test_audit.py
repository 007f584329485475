"""The audit log of a server that is killed under load."""

import concurrent.futures
import contextlib
import http.client
import threading

from harness import paths
from harness.audit import all_records, verify
from harness.home import Home
from harness.server import Server, wait_until

CLIENTS = 6
ROUNDS = 3
REPLIES = 12  # of a round, before the kill

SHORT = {"model": paths.MODEL, "prompt": "Once upon a time", "max_tokens": 12, "ignore_eos": True}


def load(api, stop, receipts):
    while not stop.is_set():
        with contextlib.suppress(OSError, http.client.HTTPException):
            reply = api.post("/v1/completions", SHORT)
            if reply.status == 200:
                receipts.append(reply.headers["x-xingcha-receipt"])


def test_a_kill_under_load_loses_no_acknowledged_leaf():
    """A signed receipt says: this leaf is on disk. After kill -9 it must be there, the log must be whole, and every
    call that was admitted must have exactly one end."""
    receipts = []
    with Home() as home:
        for _ in range(ROUNDS):
            server = Server(home).start()
            stop, before = threading.Event(), len(receipts)
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                for _ in range(CLIENTS):
                    pool.submit(load, server.api, stop, receipts)
                try:
                    wait_until(lambda: len(receipts) >= before + REPLIES, "calls are answered")
                    verify(home)  # beside the running server
                finally:
                    server.kill()
                    stop.set()
        signed = [receipt for receipt in receipts if receipt.startswith("r1.")]
        assert len(signed) >= ROUNDS * REPLIES / 2
        with Server(home) as server:
            found = verify(home, *signed)
            assert found["good"] and all(state == "good" for state in found["receipts"])
            admissions = {record["index"] for record in all_records(server.api, "admission")}
            settled = [record["partner"] for record in all_records(server.api, "settlement")]
            assert len(settled) == len(set(settled)), "a call has two ends"
            assert set(settled) == admissions, "a call has no end"
            ends = {row["ended"]: row["requests"] for row in
                    server.api.get("/admin/usage?group_by=ended").json()["usage"]}
            assert sum(ends.values()) == len(settled)
            assert ends["done"] >= len(signed) - ROUNDS * CLIENTS  # killed between reply and record
            proof = server.api.get(f"/admin/audit/proof?receipt={signed[0]}").json()
            assert proof["good"] is True
        assert verify(home, *signed)["open_admissions"] == 0


def test_an_export_is_verified_offline(server, api, tmp_path):
    receipt = api.post("/v1/completions", SHORT).headers["x-xingcha-receipt"]
    wait_until(lambda: api.get("/admin/audit/head").json()["waiting"] == 0, "all is on disk")
    export = tmp_path / "audit.jsonl"
    export.write_bytes(api.get("/admin/audit/export").body)
    key = tmp_path / "log.pub"
    key.write_text(api.get("/admin/audit/head").json()["key"])
    good = server.home.cli("verify-audit", export, "--key", key, "--receipt", receipt, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    lines = export.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if '"kind":"settlement"' in line)
    forged = tmp_path / "forged.jsonl"
    forged.write_text("\n".join([*lines[:at], lines[at].replace('"status":200', '"status":201'), *lines[at + 1:]]) + "\n")
    bad = server.home.cli("verify-audit", forged, "--key", key, check=False)
    assert bad.returncode != 0
    gone = tmp_path / "gone.jsonl"
    gone.write_text("\n".join(lines[:at] + lines[at + 1:]) + "\n")
    assert server.home.cli("verify-audit", gone, "--key", key, check=False).returncode != 0
