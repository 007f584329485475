"""`xingcha plan` from the outside."""

import json
import subprocess

from harness import paths


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
    text = run("telechat2-7b", "--card", "h20", "--tokens-per-second", 20, language="zh")
    assert "商业使用" in text and "vllm serve" in text and "未实测" in text
    assert "deepseek-r1-distill-qwen-7b" in run()
    assert "not known" in run("nonsense", code=1)
    assert "ascend-910b" in run("deepseek-r1", "--card", "abacus", code=1)
