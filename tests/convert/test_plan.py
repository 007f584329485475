"""`xingcha plan` from the outside."""

import json
import subprocess

from harness import paths
from harness.server import fresh_server


def test_plan():
    """The plan of a released model, in both languages and as JSON."""
    def run(*arguments, language="en", code=0):
        done = subprocess.run([str(paths.PROGRAM), "plan", *map(str, arguments)], capture_output=True, text=True,
                              timeout=paths.PATIENCE_S,
                              env=paths.clean_environment(XINGCHA_HOME="/nonexistent", XINGCHA_LANG=language))
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    plan = json.loads(run("deepseek-r1", "--context", 32768, "--concurrency", 16, "--json"))
    assert plan["kv_bytes_per_token"] == 61 * 576 * 2 and plan["measured"] is False
    cards = {row["card"]: row for row in plan["cards"]}
    assert cards["ascend-910b"]["cards"] == 16 and cards["ascend-910b"]["precision"] == "int8"
    assert {c["engine"] for c in cards["h20"]["commands"]} == {"vllm", "sglang"}
    assert "--max-model-len 32768" in cards["h20"]["commands"][0]["command"]
    assert [p["precision"] for p in plan["precisions"]] == ["f32", "bf16", "f16", "fp8", "int8", "int4", "q8_0", "q4_k_m"]
    every = json.loads(run("--json"))["releases"]
    assert len(every) >= 30
    for release in every:
        assert release["here"]["state"] in ("runs_here", "needs_memory", "remote_only")
        assert release["here"]["state"] != "needs_memory" or release["here"]["missing_bytes"] > 0
    elsewhere = next(r for r in every if r["name"] == "deepseek-r1")["elsewhere"]
    assert len(elsewhere) == 2 and {engine for e in elsewhere for engine in e["engines"]} == {"mindie", "vllm", "sglang"}
    text = run("telechat2-7b", "--card", "h20", "--tokens-per-second", 20, language="zh")
    assert "商业使用" in text and "vllm serve" in text and "未实测" in text
    assert "deepseek-r1-distill-qwen-7b" in run()
    assert "not known" in run("nonsense", code=1)
    assert "ascend-910b" in run("deepseek-r1", "--card", "abacus", code=1)


def test_the_lines_that_join_a_service():
    """What the plan prints is pasted: each line is accepted, and the route is there."""
    with fresh_server(models=False) as server:
        def run(*arguments):
            return server.home.cli(*arguments).stdout

        for model, card in (("deepseek-r1", "ascend-910b"), ("telechat2.5-35b", "h20"), ("deepseek-r1", "h20")):
            plan = json.loads(run("plan", model, "--card", card, "--json"))
            for service in plan["cards"][0]["commands"]:
                lines = service["joining"].replace("HOST", "127.0.0.1").splitlines()
                assert len(lines) == 3
                for line in lines:
                    run(*line.split()[1:])
        table = json.loads(run("pool", "list", "--json"))
    names = {row["name"]: row for row in table["endpoints"]}
    assert names["deepseek-r1-mindie"]["vendor"] == "mindie" and names["deepseek-r1-sglang"]["pool"] == "h20"
    assert {row["model"] for row in table["routes"]} >= {"telechat2.5-35b", "deepseek-r1"}
