"""E7: answers that quote their prompt, with and without speculation, and open chat."""
from client import ask, must
from plan import DEFAULT, TUNED
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
CODE = '''def total_price(basket, discounts):
    total = 0.0
    for item in basket:
        price = item.unit_price * item.quantity
        for discount in discounts:
            if discount.applies_to(item):
                price = price - discount.amount_for(item)
        total = total + max(price, 0.0)
    return round(total, 2)
'''
# (name, question, how the answer begins): begun, so that a small model quotes as a large one would.
QUOTES = [
    ("RAG answer", f"Text:\n{PASSAGE}\n\nWhat are the rules of the harbour? Quote the text.",
     "The text says: \"The harbour of Nanhai was dredged in 1931"),
    ("JSON", f"Give this JSON again with every \"paid\" unchanged:\n{RECORDS}", '{"orders": [{"id": 4100,'),
    ("code edit", f"Add a docstring to this function, change nothing else:\n```python\n{CODE}```",
     "```python\ndef total_price(basket, discounts):\n    \"\"\"The price of a basket.\"\"\"\n    total = 0.0\n"),
]
CHATS = [("open chat", "Tell me about a walk by the sea at night and what you thought of.", "")]
SPECULATING = ("--spec-type", "ngram-simple", "--spec-ngram-simple-size-n", "4", "--spec-ngram-simple-size-m", "16")


def tokens_of(side, question, begun):
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{begun}"
    connection = side.connection()
    _, answer = connection.post("/tokenize", {"model": side.model_name, "content": text, "parse_special": True})
    connection.close()
    return answer["tokens"]


def run(plan):
    out = plan.count(192, 96)
    own = plan.own()
    sides = [own, plan.peer(DEFAULT), plan.peer(TUNED, *SPECULATING)]
    auto, off = "xingcha auto", "xingcha off"
    result = Result("E7", "speculation", f"decode tokens/s of one stream, {out} out; chat at temperature 0.8")
    result.take_flags(sides)
    result.flags.update({auto: 'speculation: "auto"', off: 'speculation: "off"'})
    ways = [(auto, own, {"speculation": "auto"}), (off, own, {"speculation": "off"}),
            (DEFAULT, sides[1], {}), (TUNED, sides[2], {})]
    with running(*sides):
        for name, question, begun in QUOTES + CHATS:
            prompt = tokens_of(own, question, begun)
            chat = (name, question, begun) in CHATS
            more = {"temperature": 0.8, "seed": 7} if chat else {}
            rates = {way: [] for way, _, _ in ways}
            for _ in range(plan.repeats + 1):  # the first warms caches, and the governor's memory
                for way, side, extra in ways:
                    rates[way].append(must(ask(side, prompt, out, **more, **extra)).decode_rate())
            row = result.row(f"{name}, tok/s", {way: r[1:] for way, r in rates.items()}, better="high")
            least = 0.97 if chat else 1.3
            row.times_better(f"≥ {least} × off", off, least)
    return result
