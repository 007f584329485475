"""How big, how often, and with which programs."""
import json
from dataclasses import dataclass
from pathlib import Path

from sides import Own, Peer

MODEL = "smollm2-135m-instruct"
DEFAULT, TUNED = "llama-server default", "llama-server tuned"


@dataclass
class Plan:
    scale: float
    repeats: int
    program: Path  # llama-server
    gguf: Path
    facts: dict  # of the model, from its manifest

    def count(self, full, least=16):
        """A token count of the issue's table, shrunk; never below `least`."""
        return max(min(least, full), round(full * self.scale))

    def own(self, name="xingcha", **settings):
        return Own(MODEL, name, **settings)

    def peer(self, name, *flags):
        return Peer(MODEL, name, self.program, self.gguf, *map(str, flags))

    def kv_bytes_per_token(self):
        """K and V of every layer in f16."""
        heads = sum(self.facts["heads_kv"])
        return 2 * heads * (self.facts["head_dim_k"] + self.facts["head_dim_v"])


def facts_of(store):
    return json.loads((store / "manifests" / f"{MODEL}.json").read_text())["facts"]
