"""Measure decontamination: test items of GSM8K, disguised, among its untouched train rows.

    python scripts/bench_decontamination.py --data DIR [--part tuned] [--rate 200000]

DIR has GSM8K's own train.jsonl and test.jsonl. Held out are items 660 to 1318 of test, and the rows are the second half
of train with every disguise of every item planted among them; the threshold was set on the other half (--part tuned).
A disguise that leaves an item as it is is not counted. False positives are untouched train rows that would go, of this
part and of all of train held against all of test: each is shown, for near copies are among them. --rate: so many short
rows, of 24 words drawn from train, are held against all of test; rows a CPU second and peak memory are told.
"""

import argparse
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from disguises import LISTED, OTHERS, VERBATIM_LIKE

from intern.data.decontamination import Decontamination, HeldOut, Match
from intern.data.items import Row, normal

HALF_TEST, HALF_TRAIN = 660, 3736
SHORT = 24  # words of a row whose rate is measured


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with GSM8K's train.jsonl and test.jsonl")
    parser.add_argument("--part", choices=("unseen", "tuned"), default="unseen", help="which halves of it")
    parser.add_argument("--rate", type=int, default=200_000, help="short rows to hold against all of test; 0: none")
    asked = parser.parse_args()
    train, test = (read(asked.data / f"{split}.jsonl") for split in ("train", "test"))
    cut = slice(HALF_TEST), slice(HALF_TRAIN)
    if asked.part == "unseen":
        cut = slice(HALF_TEST, None), slice(HALF_TRAIN, None)
    planted(test, list(range(len(test)))[cut[0]], train[cut[1]], asked.part)
    untouched("all of train against all of test", train, held_out(test, range(len(test))))
    if asked.rate:
        rate(asked.rate, train, held_out(test, range(len(test))))


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def held_out(test: Sequence[dict[str, Any]], numbers: Sequence[int]) -> list[HeldOut]:
    """Return items as they are held out."""
    return [HeldOut(f"test {i}", (test[i]["question"],), normal(test[i]["question"]), answer(test[i])) for i in numbers]


def answer(item: dict[str, Any]) -> str:
    """Return the answer alone."""
    return str(item["answer"].rpartition("####")[2].strip())


def row(question: str, item: dict[str, Any]) -> Row:
    """Return a row as the data stage has it."""
    worked = item["answer"].rpartition("####")[0]
    return {"question": question, "answer": answer(item), "target": worked, "key": normal(question)}


def disguised(question: str) -> Row:
    """Return a planted row: its answer and working give nothing away."""
    return {"question": question, "answer": "0", "target": "ANSWER: 0", "key": normal(question)}


def planted(test: Sequence[dict[str, Any]], numbers: Sequence[int], train: Sequence[dict[str, Any]], part: str) -> None:
    """Print how many of each kind of disguise would go, and which untouched rows."""
    kinds: list[tuple[str, int]] = []
    rows = []
    for name, disguise in {**LISTED, **OTHERS}.items():
        rng = random.Random(name)
        for i in numbers:
            text = disguise(test[i], rng)
            if text != test[i]["question"] or name == "verbatim":
                kinds.append((name, i))
                rows.append(disguised(text))
    innocent = [row(entry["question"], entry) for entry in train]
    guard = Decontamination(held_out(test, numbers), [*rows, *innocent])
    matches = list(guard.matches([*rows, *innocent]))
    print(f"{part} half: {len(numbers)} items held out, {len(rows)} disguised rows, {len(innocent)} untouched ones\n")
    print(f"{'disguise':24}{'rows':>6}{'gone':>6}{'recall':>9}{'near':>6}{'right':>8}  reasons")
    for name, group in (*[(name, (name,)) for name in (*LISTED, *OTHERS)], ("verbatim-like", VERBATIM_LIKE),
                        ("all listed", tuple(LISTED)), ("all others", tuple(OTHERS)),
                        ("all disguises", (*LISTED, *OTHERS))):  # fmt: skip
        entries = [(i, match) for (kind, i), match in zip(kinds, matches, strict=False) if kind in group]
        gone = [(i, match) for i, match in entries if match and match.drop]
        near = sum(match is not None and not match.drop for _, match in entries)
        right = sum(match.matched == f"test {i}" for i, match in gone) / max(len(gone), 1)
        why = ", ".join(f"{reason} {count}" for reason, count in Counter(m.reason for _, m in gone).most_common())
        share = len(gone) / len(entries)
        print(f"{name:24}{len(entries):6}{len(gone):6}{share:9.1%}{near:6}{right:8.1%}  {why}")
    print(f"\nuntouched rows of the {part} half that would go:")
    shown(innocent, matches[len(rows) :])


def untouched(title: str, train: Sequence[dict[str, Any]], held: Sequence[HeldOut]) -> None:
    """Print which untouched rows would go."""
    rows = [row(entry["question"], entry) for entry in train]
    print(f"\n{title}:")
    shown(rows, list(Decontamination(held, rows).matches(rows)))


def shown(rows: Sequence[Row], matches: Sequence[Match | None]) -> None:
    """Print the rows that would go, with what they are like."""
    gone = [(row, match) for row, match in zip(rows, matches, strict=True) if match and match.drop]
    near = sum(match is not None for match in matches) - len(gone)
    print(f"{len(gone)} of {len(rows)} ({len(gone) / len(rows):.3%}), {near} nearly")
    for entry, match in sorted(gone, key=lambda pair: -pair[1].score):
        print(f"  {match.score:.2f} {match.reason}, {match.matched}\n    {entry['question']}\n    {match.text}")


def rate(count: int, train: Sequence[dict[str, Any]], held: Sequence[HeldOut]) -> None:
    """Print how many short rows are compared a second, and the memory that it takes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    guard = Decontamination(held, short(min(count, 100_000), train))
    built = time.process_time()
    gone = sum(match is not None for match in guard.matches(short(count, train)))
    seconds = time.process_time() - built
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\n{count:,} rows of {SHORT} words against {len(held):,} items: {count / seconds:,.0f} rows a CPU second")
    print(f"built in {built - begun:.1f} s; peak {peak / 1024:.0f} MB, before {before / 1024:.0f} MB; {gone} matched")


def short(count: int, train: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """Yield rows of words in the order of some train question, begun anywhere, one after the other."""
    rng = random.Random(0)
    words = [entry["question"].split() for entry in train]
    for i in range(count):
        text: list[str] = []
        while len(text) < SHORT:
            source = rng.choice(words)
            at = rng.randrange(len(source))
            text += source[at : at + 8]
        question = " ".join(text[:SHORT])
        yield {"question": question, "answer": str(i), "target": f"ANSWER: {i}", "key": normal(question)}


if __name__ == "__main__":
    main()
