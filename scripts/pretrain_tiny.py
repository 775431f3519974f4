"""Make the embedded base model again, from nothing, on a CPU.

A Qwen3 of 0.82 million parameters, byte by byte, reads short documents of small skills: worked and
guessed sums, columns, times tables, sorting, counting, echoes, and some chats. It can write a carry
but seldom does so in the evaluated format, which is what post-training is to change. No document
holds a held-out item of any generator (`intern.items`). The loss falls only on what a document's
given part determines.

The committed weights: 1,800 steps, seed 0, one thread, 10 minutes on a shared machine; greedy,
zero-shot, 15.0 % of 412 dev items of `arithmetic` and 0 of 300 of `mixed`. A second full run with
OMP_NUM_THREADS=1 on the same kind of machine gave the same file, byte for byte; the tolerance for other
machines or thread counts has not been measured.

    OMP_NUM_THREADS=1 python scripts/pretrain_tiny.py --out intern/models/tiny
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from intern import scratch
from intern.generators import arithmetic, mixed
from intern.items import split_of

if TYPE_CHECKING:
    import torch

Document = tuple[str, tuple[str, ...]]  # text, canonical keys of the arithmetic items in it

PEAK = 2e-3  # 4e-3 learnt nothing of the carries in the same time
ROWS = 32  # documents a batch: twice as many learnt far less in the same time, steps count most
LONG = 46  # tokens; longer documents are batched apart, or every short one would be padded to a chat
FIRST = 6_400  # documents that are worked sums only: copying digits is learnt here, 200 steps
WORKED = 0.3  # share of the chat answers with their working, enough for sampling to find it

WORDS = "red blue green cat dog bird sun moon tree rain snow fish book door lamp".split()  # noqa: SIM905
NAMES = ["Ann", "Ben", "Eva", "Leo", "Mia", "Tom"]
THINGS = ["pens", "cards", "nuts", "shells", "coins"]


def sum_worked(rng: random.Random) -> Document:
    a, b = two(rng)
    return f"{a}+{b}: {arithmetic.working(a, b)}, {a + b}.", (mixed.key(f"{a}+{b}"),)


def sum_direct(rng: random.Random) -> Document:
    a, b = two(rng)
    return f"{a}+{b}={a + b}.", (mixed.key(f"{a}+{b}"),)


def difference(rng: random.Random) -> Document:
    a, b = two(rng)
    return f"{a}-{b}={a - b}.", (mixed.key(f"{a}-{b}"),)


def times(rng: random.Random) -> Document:
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    return f"{a}*{b}={a * b}.", (mixed.key(f"{a}*{b}"),)


def columns(rng: random.Random) -> Document:
    item = mixed.draw(rng)
    text = item["question"].removeprefix("What is ").removesuffix("?").replace(" ", "")
    return f"{text}: {item['solution'].splitlines()[0]}, {item['answer']}.", (mixed.key(text),)


def sort(rng: random.Random) -> Document:
    numbers = [rng.randint(0, 99) for _ in range(rng.randint(2, 4))]
    return f"sort {' '.join(map(str, numbers))}: {' '.join(map(str, sorted(numbers)))}.", ()


def compare(rng: random.Random) -> Document:
    a, b = rng.randint(0, 99), rng.randint(0, 99)
    return f"{a}{'<' if a < b else '>' if a > b else '='}{b}.", ()


def count(rng: random.Random) -> Document:
    start = rng.randint(0, 95)
    return f"count {' '.join(map(str, range(start, start + 5)))}.", ()


def echo(rng: random.Random) -> Document:
    words = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
    return f"say {words}: {words}.", ()


def story(rng: random.Random) -> Document:
    (a, b), name, thing = two(rng), rng.choice(NAMES), rng.choice(THINGS)
    if rng.random() < 0.5:
        return f"{name} has {a} {thing} and gets {b} more. Now {name} has {a + b}.", (mixed.key(f"{a}+{b}"),)
    a, b = max(a, b), min(a, b)
    return f"{name} has {a} {thing} and loses {b}. Now {name} has {a - b}.", (mixed.key(f"{a}-{b}"),)


def chat_echo(rng: random.Random) -> Document:
    words = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
    return chat(f"Say {words}.", words), ()


def chat_next(rng: random.Random) -> Document:
    a = rng.randint(0, 98)
    return chat(f"What comes after {a}?", f"ANSWER: {a + 1}"), ()


def chat_times(rng: random.Random) -> Document:
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    return chat(f"What is {a} * {b}?", f"ANSWER: {a * b}"), (mixed.key(f"{a}*{b}"),)


def chat_sum(rng: random.Random) -> Document:
    """A sum in the evaluated format: worked for round numbers, mostly guessed for others.

    So greedy decoding starts low, and sampling finds what to reinforce."""
    a, b = two(rng)
    worked = a % 10 == 0 or b % 10 == 0 or rng.random() < WORKED
    reply = f"{arithmetic.working(a, b)}\nANSWER: {a + b}" if worked else f"ANSWER: {a + b}"
    return chat(f"What is {a} + {b}?", reply), (mixed.key(f"{a}+{b}"),)


def chat_mixed(rng: random.Random) -> Document:
    item = mixed.draw(rng)
    worked = rng.random() < WORKED
    text = item["solution"] if worked else f"ANSWER: {item['answer']}"
    return chat(item["question"], text), (mixed.key(item["question"]),)


# Each skill with its share of the documents, in per cent.
SKILLS: dict[Callable[[random.Random], Document], float] = {
    sum_worked: 18, sum_direct: 6, difference: 4, times: 4, columns: 32,
    sort: 3, compare: 3, count: 3, echo: 3, story: 4,
    chat_echo: 3, chat_next: 2, chat_times: 2, chat_sum: 7, chat_mixed: 3,
}


def two(rng: random.Random) -> tuple[int, int]:
    return rng.randint(10, 99), rng.randint(10, 99)


def chat(question: str, reply: str) -> str:
    return f"{scratch.START}user\n{question}{scratch.END}\n{scratch.START}assistant\n{reply}{scratch.END}\n"


def documents(seed: int) -> Iterator[Document]:
    """The endless pretraining stream: every document with the keys of its items, all of them "train"."""
    rng = random.Random(seed)
    skills, shares = list(SKILLS), list(SKILLS.values())
    yielded = 0
    while True:
        skill = sum_worked if yielded < FIRST else rng.choices(skills, shares)[0]
        text, keys = skill(rng)
        if all(split_of(key) == "train" for key in keys):
            yielded += 1
            yield text, keys


# What a document is given: up to the reply of a chat, a story's second number, or the first mark.
GIVEN = re.compile(r"^.*assistant\n|^.*? (?:gets|loses) \d+|^count \d+|^[^=:<>]*", re.DOTALL)


def batches(tokenizer, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels of ROWS documents, one a row; short and long documents apart.

    What a document gives (operands, words to say) is random: no label falls on it."""
    import torch

    pad, waiting = tokenizer.pad_token_id, {False: [], True: []}
    for text, _ in documents(seed):
        ids = tokenizer(text).input_ids + [pad]
        given = len(tokenizer(GIVEN.match(text).group()).input_ids)
        rows = waiting[len(ids) > LONG]
        rows.append((ids, [-100] * given + ids[given:]))
        if len(rows) == ROWS:
            width = max(len(ids) for ids, _ in rows)
            yield (torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in rows]),
                   torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows]))
            rows.clear()


def shape(step: int, steps: int) -> float:
    """Linear warm-up over 3 % of the steps, then a cosine down to 2 % of the peak."""
    warm = max(1, round(0.03 * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.49 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def pretrain(out: Path, steps: int, seed: int) -> None:
    """Train `steps` steps and write the folder; the loss is printed on the way."""
    import torch

    torch.manual_seed(seed)
    tokenizer = scratch.tokenizer()
    model = scratch.qwen3(tokenizer, hidden=128, layers=4, heads=4, kv_heads=2, intermediate=384,
                          positions=512, seed=seed)
    stream = batches(tokenizer, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: shape(step, steps))
    start = time.perf_counter()
    for step in range(steps):
        ids, labels = next(stream)
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step}  loss {loss.item():.3f}  {time.perf_counter() - start:.0f} s", flush=True)
    scratch.save(model, tokenizer, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("intern/models/tiny"))
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=0)
    pretrain(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
