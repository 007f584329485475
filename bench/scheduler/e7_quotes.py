"""E7: answers that quote their prompt, with and without speculation, and open chat."""
from client import ask, must
from plan import DEFAULT, MODEL, TUNED
from sides import running
from table import Result

PASSAGE = (
    "The harbour of Nanhai was dredged in 1931 and again in 1958. Its north pier is 412 metres long and carries two "
    "railway tracks; the south pier is reserved for fishing boats. Every ship above 300 tonnes must take a pilot at "
    "the outer buoy, and the pilot's fee is paid before the ship may leave. Between November and March the harbour "
    "master may close the entrance when the wind exceeds 17 metres per second for longer than ten minutes.")
RECORDS = ('{"orders": [' + ", ".join(
    f'{{"id": {4100 + 7 * i}, "customer": "Customer {chr(65 + i)}", "city": "{city}", "paid": true, "items": {i + 2}}}'
    for i, city in enumerate(("Shanghai", "Chengdu", "Harbin", "Xiamen", "Lanzhou", "Wuhan"))) + "]}")
CODE = '''class Ledger:
    def __init__(self, owner, currency="CNY"):
        self.owner = owner
        self.currency = currency
        self.entries = []
        self.closed = False

    def add(self, day, amount, note=""):
        if self.closed:
            raise ValueError("the ledger is closed")
        entry = {"day": day, "amount": amount, "note": note}
        self.entries.append(entry)
        return entry

    def balance(self, until=None):
        total = 0
        for entry in self.entries:
            if until is not None and entry["day"] > until:
                continue
            total = total + entry["amount"]
        return total

    def close(self):
        self.closed = True
        return self.balance()
'''
# (name, question, how the answer begins): begun, so that a small model quotes as a large one would.
QUOTES = [
    ("RAG answer", f"Text:\n{PASSAGE}\n\nWhat are the rules of the harbour? Quote the text.",
     "The text says: \"The harbour of Nanhai was dredged in 1931"),
    ("JSON", f"Give this JSON again with every \"paid\" unchanged:\n{RECORDS}", '{"orders": [{"id": 4100,'),
]
CHATS = [("open chat", "Tell me about a walk by the sea at night and what you thought of.", "")]
# The small model does not edit code, it shortens it: this is asked of the product's default model.
EDITOR = "qwen2.5-coder-1.5b-instruct"
EDITS = [
    ("code edit", f"Rename the method `balance` to `total` in this class. Answer with the whole class and nothing "
                  f"else:\n```python\n{CODE}```", "```python\nclass Ledger:\n")]
SPECULATING = ("--spec-type", "ngram-simple", "--spec-ngram-simple-size-n", "4", "--spec-ngram-simple-size-m", "16")


def tokens_of(side, question, begun):
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{begun}"
    connection = side.connection()
    _, answer = connection.post("/tokenize", {"model": side.model_name, "content": text, "parse_special": True})
    connection.close()
    return answer["tokens"]


def measure(plan, result, model, asked):
    """Rows of the table: one for each (name, question, beginning), all of one model."""
    out = plan.count(192, 96)
    own = plan.own(model=model)
    sides = [own, plan.peer(DEFAULT, model=model), plan.peer(TUNED, *SPECULATING, model=model)]
    result.take_flags(sides)
    auto, off = "xingcha auto", "xingcha off"
    ways = [(auto, own, {"speculation": "auto"}), (off, own, {"speculation": "off"}),
            (DEFAULT, sides[1], {}), (TUNED, sides[2], {})]
    with running(*sides):
        for name, question, begun in asked:
            prompt = tokens_of(own, question, begun)
            chat = (name, question, begun) in CHATS
            more = {"temperature": 0.8} if chat else {}  # no seed: a request with one is never guessed for
            rates = {way: [] for way, _, _ in ways}
            for _ in range(plan.repeats + 1):  # the first warms caches, and the governor's memory
                for way, side, extra in ways:
                    rates[way].append(must(ask(side, prompt, out, **more, **extra)).decode_rate())
            row = result.row(f"{name}, tok/s", {way: r[1:] for way, r in rates.items()}, better="high")
            least = 0.97 if chat else 1.3
            row.times_better(f"≥ {least} × off", off, least)


def run(plan):
    out = plan.count(192, 96)
    result = Result("E7", "speculation", f"decode tokens/s of one stream, {out} out; chat at temperature 0.8; "
                                         f"code edit by {EDITOR}")
    result.flags.update({"xingcha auto": 'speculation: "auto"', "xingcha off": 'speculation: "off"'})
    measure(plan, result, MODEL, QUOTES + CHATS)
    measure(plan, result, EDITOR, EDITS)
    return result
