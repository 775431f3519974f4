"""Make the embedded base model again, from nothing, on a CPU.

A Qwen3 of 0.82 million parameters, byte by byte, reads short documents of small skills: worked and
guessed sums, columns, times tables, sorting, stories as expressions, counting, echoes, and some chats
in the evaluated format of each embedded goal. It can work an item out but seldom does so when asked,
which is what post-training is to change. No document holds a held-out item of any generator
(`intern.data.items`). The loss falls only on what a document's given part determines.

The committed weights: 2,400 steps, seed 0, one thread, 13 minutes on a shared machine.
Greedy, zero-shot, on 400 dev items each: arithmetic 27.8 %, mixed 24.5, sorting 26.5, stories 17.8.
Two runs of a few steps on one thread give the same weights (tests/test_tiny.py); other machines and
thread counts have not been measured.

    OMP_NUM_THREADS=1 python scripts/pretrain_tiny.py --out intern/models/tiny
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from intern import scratch
from intern.data.items import split_of
from intern.generators import arithmetic, mixed, sorting, stories

if TYPE_CHECKING:
    import torch

Document = tuple[str, tuple[str, ...]]  # text, canonical keys of the items in it

PEAK = 2e-3  # 4e-3 learnt nothing of the carries in the same time
ROWS = 32  # documents a batch: twice as many learnt far less in the same time, steps count most
WIDTHS = (46, 90)  # tokens; shorter, middling and longer documents are batched apart, to pad little
FIRST = 6_400  # documents that are worked sums only: copying digits is learnt here, 200 steps
MARKED = re.compile(r"0\b|books|stamps")  # round numbers, two things of eight: chats that are always worked
SHORT = (2, 3, 4, 4)  # numbers to put in order; the goal's lists are longer
WORKED = 0.3  # share of the other chat answers with their working, enough for sampling to find it

WORDS = "red blue green cat dog bird sun moon tree rain snow fish book door lamp".split()  # noqa: SIM905


def sum_worked(rng: random.Random) -> Document:
    a, b = two(rng)
    return f"{a}+{b}: {mixed.working(a, '+', b)}, {a + b}.", (mixed.key(f"{a}+{b}"),)


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
    numbers = rng.sample(range(10, 100), rng.choice((3, 4)))
    listed = sorting.spaced(numbers)
    return f"{listed}: {sorting.working(numbers)}, {sorting.spaced(sorted(numbers))}.", (sorting.key(listed),)


def compare(rng: random.Random) -> Document:
    a, b = rng.sample(range(10, 1000), 2)
    return f"{a} {b}: {sorting.working([a, b])}.", (sorting.key(f"{a} {b}"),)


def count(rng: random.Random) -> Document:
    start = rng.randint(0, 95)
    return f"count {' '.join(map(str, range(start, start + 5)))}.", ()


def echo(rng: random.Random) -> Document:
    words = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
    return f"say {words}: {words}.", ()


def story(rng: random.Random) -> Document:
    question = stories.draw(rng)["question"]
    return f"{question.partition('.')[0]}: {stories.expression(question)}.", (stories.key(question),)


def step(rng: random.Random) -> Document:
    question = stories.draw(rng)["question"]
    line = rng.choice(stories.working(question).splitlines())
    return f"{line}.", (mixed.key(line.partition(":")[0]),)


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
    return asked(arithmetic, arithmetic.draw(rng), rng)


def chat_mixed(rng: random.Random) -> Document:
    return asked(mixed, mixed.draw(rng), rng)


def chat_sort(rng: random.Random) -> Document:
    return asked(sorting, sorting.draw(rng, SHORT), rng)


def chat_story(rng: random.Random) -> Document:
    text, keys = asked(stories, stories.draw(rng), rng)
    steps = re.findall(r"^(\d+[-+*]\d+):", text, re.MULTILINE)
    return text, (*keys, *map(mixed.key, steps))


def asked(generator: ModuleType, item: dict[str, str], rng: random.Random) -> Document:
    """An item in the evaluated format: worked where the question is marked, mostly guessed for others.

    So greedy decoding starts low, and sampling finds what to reinforce."""
    worked = MARKED.search(item["question"]) or rng.random() < WORKED
    reply = item["solution"] if worked else f"ANSWER: {item['answer']}"
    return chat(item["question"], reply), (generator.key(item["question"]),)


# Each skill with its share of the documents, in per cent.
SKILLS: dict[Callable[[random.Random], Document], float] = {
    sum_worked: 8, sum_direct: 2, difference: 1, times: 3, columns: 22, step: 10,
    sort: 4, compare: 2, count: 1, echo: 1, story: 6,
    chat_echo: 1, chat_next: 1, chat_times: 1, chat_sum: 9, chat_mixed: 12, chat_sort: 3, chat_story: 13,
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


# What a document is given: up to the reply of a chat, or the first mark.
GIVEN = re.compile(r"^.*assistant\n|^count \d+|^[^=:<>]*", re.DOTALL)


def batches(tokenizer, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels of ROWS documents, one a row; short and long documents apart.

    What a document gives (operands, words to say) is random: no label falls on it."""
    import torch

    pad, waiting = tokenizer.pad_token_id, [[] for _ in range(len(WIDTHS) + 1)]
    for text, _ in documents(seed):
        ids = tokenizer(text).input_ids + [pad]
        given = len(tokenizer(GIVEN.match(text).group()).input_ids)
        rows = waiting[bisect_left(WIDTHS, len(ids))]
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
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    pretrain(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
