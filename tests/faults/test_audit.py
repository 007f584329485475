"""The audit log of a server that is killed under load; contents that it keeps for one tenant of two."""

import concurrent.futures
import contextlib
import http.client
import json
import stat
import threading

from harness import paths
from harness.audit import all_records, verify
from harness.home import Home
from harness.http import Api
from harness.server import Server, wait_until
from harness.tenants import key_of_tenant

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


def key_with_role(home, tenant, role):
    return json.loads(home.cli("key", "create", role, "--tenant", tenant, "--role", role, "--json").stdout)["key"]


def ask(api, request_id):
    """What a streamed chat was asked, as sent, and what it said."""
    body = json.dumps({"model": paths.MODEL, "messages": [{"role": "user", "content": f"说说 {request_id}"}],
                       "stream": True, "max_tokens": 16, "ignore_eos": True}, ensure_ascii=False)
    reply = api.post("/v1/chat/completions", body, headers={"X-Request-Id": request_id})
    assert reply.status == 200, reply
    chunks = [event.json() for event in reply.events() if event.data != "[DONE]"]
    return body, "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def settled(api, request_id, key=...):
    """The records of a request, the admission first, once it has ended."""
    def both():
        rows = api.get(f"/admin/audit/records?request={request_id}", key=key).json()["records"]
        return any(row["kind"] == "settlement" for row in rows) and rows[::-1]
    return wait_until(both, "the call is settled")


def contents_of(api, key, request_id):
    """The leaves of a request that have a content, as this key reads them: the prompt's, the answer's."""
    return [api.get(f"/admin/audit/content?index={row['index']}", key=key).json()
            for row in settled(api, request_id, key) if "content" in row]


def events_named(api, name):
    wait_until(lambda: api.get("/admin/audit/head").json()["waiting"] == 0, "all is on disk")
    return [row["record"] for row in all_records(api, "event") if row["record"]["event"] == name]


def verified(home, folder, api):
    """The export with contents, which the offline verifier finds whole."""
    export, key = folder / "contents.jsonl", folder / "log.pub"
    export.write_bytes(api.get("/admin/audit/export?content=true").body)
    key.write_text(api.get("/admin/audit/head").json()["key"])
    done = home.cli("verify-audit", export, "--key", key, "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["contents_checked"], export.read_text()


def test_contents_are_kept_for_the_tenant_that_wants_it_read_on_record_and_erased(server, api, tmp_path):
    home = server.home
    theirs = Api(api.url, key_of_tenant(home.root, api, "acme"))
    others = Api(api.url, key_of_tenant(home.root, api, "other"))
    home.cli("tenant", "audit-content", "acme", "full")
    readers = {tenant: key_with_role(home, tenant, "auditor") for tenant in ("acme", "other")}
    assert api.post("/admin/keys/reload", {}).status == 200
    asked, said = ask(theirs, "kept-1")
    ask(theirs, "kept-2")
    ask(others, "not-kept")
    settled(api, "kept-2")

    prompt, answer = contents_of(api, readers["acme"], "kept-1")
    assert prompt["content"] == asked and prompt["cut_from"] is None
    choice = json.loads(answer["content"])["choices"][0]
    assert choice["content"] == said and choice["finish"] == "length"
    assert [row["content"] for row in contents_of(api, api.key, "kept-1")] == [prompt["content"], answer["content"]]
    refused = api.get(f"/admin/audit/content?index={prompt['index']}", key=readers["other"])
    assert refused.status == 404, refused
    assert api.get("/admin/audit/export?content=true", key=readers["acme"]).status == 403
    assert not any("content" in row for row in settled(api, "not-kept"))
    assert [record["subject"] for record in events_named(api, "audit_content_set")] == ["full"]
    assert len([r for r in events_named(api, "content_read") if r["tenant"] == "acme"]) == 4

    count, text = verified(home, tmp_path, api)
    assert count == 4 and json.dumps(asked, ensure_ascii=False) in text
    assert [record["tenant"] for record in events_named(api, "content_exported")] == ["acme"]
    files = list((home.root / "data" / "audit").glob("*.content"))
    assert any("说说".encode() in file.read_bytes() for file in files)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert stat.S_IMODE((home.root / "data" / "audit").stat().st_mode) == 0o700

    erased = api.post("/admin/audit/erase", {"request": "kept-1", "what": "content", "reason": "asked for"})
    assert erased.json() == {"erased": True, "leaves": 2}
    assert {row["fate"] for row in contents_of(api, readers["acme"], "kept-1")} == {"erased"}
    assert verified(home, tmp_path, api)[0] == 2
    erased = api.post("/admin/audit/erase", {"tenant": "acme", "what": "content", "reason": "asked for"})
    assert erased.json() == {"erased": True, "leaves": 2}
    assert not any("说说".encode() in file.read_bytes() for file in files)
    assert verified(home, tmp_path, api)[0] == 0
    assert verify(home)["good"]
    home.cli("tenant", "audit-content", "acme", "none")
    ask(theirs, "no-more")
    assert contents_of(api, readers["acme"], "no-more") == []
