"""The commands of docs/howto/telechat-deepseek are pasted, both languages, on a tiny folder in place of the released one."""

import json
import re
import subprocess

import families
import program
import pytest
from harness import paths
from harness.server import fresh_server

DOCS = paths.ROOT / "docs" / "howto"
MODEL = "telechat2-7b"
TEMPLATE = "{% for m in messages %}<_user>{{ m['content'] }}<_bot>{% endfor %}"


def commands(text):
    """The lines of all ```bash blocks, without comments."""
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.S | re.M):
        for line in block.splitlines():
            line = re.split(r"(?:^|\s)#", line)[0].strip()
            if line:
                yield line


def write_files(folder):
    config, weights = families.telechat(91, hidden=256, ffn=256, training_seqlen=8192, base_seqlen=8192, eos_token_id=2)
    program.write_folder(folder / "TeleChat2-7B", config, weights, shards=2, tokenizer_config={
        "add_bos_token": False, "chat_template": TEMPLATE})
    text = "hello 你好 中国 abc 12 " * 20
    choice = json.dumps({"question": "hello", "choices": ["你好", "中国"], "answer": "A"})
    exact = json.dumps({"prompt": "hello", "answer": ["你好", "中国"]})
    for names, content in ((("文本.txt", "TEXT.txt"), text), (("选择题.jsonl",), choice), (("问答.jsonl",), exact)):
        for name in names:
            (folder / name).write_text(content)
    return choice, exact


@pytest.mark.parametrize("name", ["telechat-deepseek.md", "telechat-deepseek.en.md"])
def test_every_command_of_the_chapter(name, tmp_path):
    choice, exact = write_files(tmp_path)
    done = []
    with fresh_server(models=False) as server:
        environment = paths.clean_environment(XINGCHA_HOME=str(server.home.root), XINGCHA_LANG="en")
        environment["PATH"] = f"{paths.PROGRAM.parent}:/usr/bin:/bin"
        for line in commands((DOCS / name).read_text()):
            pasted = line.replace("--model 名称", f"--model {MODEL}").replace("--model NAME", f"--model {MODEL}")
            if "ITEMS.jsonl" in pasted:
                (tmp_path / "ITEMS.jsonl").write_text(choice if "choice" in pasted else exact)
            ended = subprocess.run(["bash", "-c", pasted], cwd=tmp_path, env=environment, capture_output=True, text=True,
                                   input="hello\n", timeout=paths.PATIENCE_S)
            assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
            done.append(" ".join(line.split()[:2]))
    assert done.count("xingcha plan") == 4 and done.count("xingcha convert") == 2 and done.count("xingcha eval") == 3
    assert {"xingcha quantize", "xingcha import", "xingcha run", "xingcha pool", "xingcha endpoint"} <= set(done)
    assert sorted(f.name for f in tmp_path.glob("*.gguf*")) == [
        "TeleChat2-7B-f16.gguf", "TeleChat2-7B-q4_k_m.gguf", "TeleChat2-7B-q6_k.gguf"]
