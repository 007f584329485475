"""The audit log of a server: what the offline verifier and the admin API say of it."""

import json


def verify(home, *receipts, witness=None):
    """What the offline verifier finds in the folder; a running server does not disturb it."""
    arguments = [item for receipt in receipts for item in ("--receipt", receipt)]
    if witness:
        arguments += ["--witness", witness]
    done = home.cli("verify-audit", "--json", *arguments, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def all_records(api, kind):
    """Every record of a kind, newest first."""
    records, before = [], None
    while True:
        more = f"&before={before}" if before is not None else ""
        page = api.get(f"/admin/audit/records?kind={kind}&limit=1000{more}").json()
        records += page["records"]
        before = page["next_before"]
        if before is None:
            return records
