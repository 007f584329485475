"""Signed heads in another place: a log that was rewritten or cut is found by them alone."""

import json
import shutil

from harness.collector import receiver
from harness.home import Home
from harness.server import Server, wait_until


def verify(home, *arguments):
    done = home.cli("verify-audit", *arguments, "--json", check=False)
    return json.loads(done.stdout)


def some_leaves(server, count=5):
    for i in range(count):
        assert server.api.post("/admin/keys", {"name": f"k{i}"}).status == 200


def test_a_cut_tail_is_found_by_the_witness():
    with receiver() as remote, Home(models=False) as home:
        witness = home.root / "elsewhere.heads"
        with Server(home, XINGCHA_AUDIT_WITNESS_FILE=str(witness), XINGCHA_AUDIT_WITNESS_URL=remote.url + "/w") as server:
            some_leaves(server)
            wait_until(lambda: witness.exists() and remote.posts, "heads are pushed")
        early = home.root / "early"
        shutil.copytree(home.root / "data" / "audit", early)
        with Server(home, XINGCHA_AUDIT_WITNESS_FILE=str(witness)) as server:
            some_leaves(server)
            size = server.api.get("/admin/audit/head").json()["size"]
            wait_until(lambda: max(int(line.split(".")[2]) for line in witness.read_text().splitlines()) >= size,
                       "the last head before a pause is pushed")
        whole = verify(home, "--witness", witness)
        assert whole["good"] and whole["witnessed"] >= 3
        # The owner puts yesterday's folder back: every signature in it is right.
        assert verify(home, early)["good"]
        cut = verify(home, early, "--witness", witness)
        assert not cut["good"] and {fault["kind"] for fault in cut["faults"]} == {"cut"}
        # Another log's heads prove nothing about this one.
        lines = witness.read_text().splitlines()
        lines[0] = lines[0][:-2] + ("A" if lines[0][-2] != "A" else "B") + lines[0][-1]
        witness.write_text("\n".join(lines) + "\n")
        forged = verify(home, "--witness", witness)
        assert {fault["kind"] for fault in forged["faults"]} == {"bad_head"}


def test_the_chinese_algorithms_are_a_setting():
    with Home(models=False) as home:
        with Server(home, XINGCHA_AUDIT_PROFILE="sm3-sm2") as server:
            some_leaves(server)
            assert server.api.get("/admin/audit/head").json()["profile"] == "sm3-sm2"
        assert verify(home)["good"]


def test_records_are_kept_for_six_months_at_least():
    with Home(models=False) as home:
        done = home.cli("serve", "--audit-retention-days", "183", check=False)
        assert done.returncode != 0 and "184" in done.stderr
