"""How big, how often, and with which programs."""
import json
from dataclasses import dataclass
from pathlib import Path

from servers import model_path
from sides import Own, Peer

MODEL = "smollm2-135m-instruct"
DEFAULT, TUNED = "llama-server default", "llama-server tuned"


@dataclass
class Plan:
    scale: float
    repeats: int
    program: Path  # llama-server
    facts: dict  # of the model, from its manifest

    def count(self, full, least=16):
        """A token count of the issue's table, shrunk; never below `least`."""
        return max(min(least, full), round(full * self.scale))

    def own(self, name="xingcha", model=MODEL, **settings):
        return Own(model, name, **settings)

    def peer(self, name, *flags, model=MODEL):
        return Peer(model, name, self.program, model_path(model), *map(str, flags))

    def kv_bytes_per_token(self):
        """K and V of every layer in f16."""
        heads = sum(self.facts["heads_kv"])
        return 2 * heads * (self.facts["head_dim_k"] + self.facts["head_dim_v"])


def facts_of(store):
    return json.loads((store / "manifests" / f"{MODEL}.json").read_text())["facts"]
