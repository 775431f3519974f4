"""What the model under training writes for rows that are held back, so that a broken format, endless output or babble
is seen before the stage ends."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from intern.config.schema import Config
from intern.data.items import Row
from intern.rewards import Outcome

MOST, SHARE = 64, 0.05  # rows held back: at most so many, and at most this share
TAIL = 200  # characters: a model that has begun to loop loops at the end
COMPRESSED = 2.4  # text that zlib shrinks further repeats itself (Whisper's threshold, arXiv:2212.04356)


def parted(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return (rows that a stage holds back and never trains on, rows to train on).

    The first rows are held back, and all other rows of the same items are left out; nothing is held back if nothing
    would be left."""
    kept = list(rows[: min(MOST, int(SHARE * len(rows)))])
    keys = {row["key"] for row in kept}
    rest = [row for row in rows if row["key"] not in keys]
    return (kept, rest) if rest else ([], list(rows))


def written(trainer: Any, rows: Sequence[Row], outcome: Outcome, config: Config) -> dict[str, Any]:
    """Return what the model writes for the rows, greedy, as metrics.

    They are canaries (how many rows), right (a character for each row: 1 if it is wholly right), and the shares
    right_rate, truncation, repetition and parse_rate, in [0, 1]."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    size, training = trainer.args.per_device_train_batch_size, model.training
    model.eval()  # in training mode with activation checkpointing there is no KV cache
    answered = [pair for i in range(0, len(rows), size) for pair in answers(trainer, rows[i : i + size], config)]
    model.train(training)
    texts = [text for text, _ in answered]
    outcomes = [outcome(text, row) for text, row in zip(texts, rows, strict=True)]
    right = "".join("1" if value == 1.0 else "0" for value in outcomes)
    cut = [ended for _, ended in answered].count(False)
    rates = {"right_rate": right.count("1") / len(rows), "truncation": cut / len(rows)}
    return {"canaries": len(rows), "right": right, **rates, **shares(texts, rows, outcomes)}


def answers(trainer: Any, rows: Sequence[Row], config: Config) -> list[tuple[str, bool]]:
    """Return (text, whether it came to an end) for each row, in one batch."""
    import torch

    tokenizer, model = trainer.processing_class, trainer.accelerator.unwrap_model(trainer.model)
    chats = [[{"role": "user", "content": row["question"]}] for row in rows]
    prompts = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False) for chat in chats]
    batch = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
    with torch.no_grad():
        made = model.generate(
            **batch.to(model.device),
            max_new_tokens=config.goal.answer_length,
            do_sample=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )[:, batch["input_ids"].shape[1] :]
    ended = (made == tokenizer.eos_token_id).any(dim=1).tolist()
    return list(zip(tokenizer.batch_decode(made, skip_special_tokens=True), ended, strict=True))


def rates(texts: Sequence[str], rows: Sequence[Mapping[str, Any]], outcome: Outcome | None) -> dict[str, float]:
    """Return the shares of texts that repeat themselves without end and, with a scorer, of those in which it found an
    answer."""
    if outcome is None:
        return {"repetition": shares(texts, rows, [None] * len(texts))["repetition"]}
    return shares(texts, rows, [outcome(text, row) for text, row in zip(texts, rows, strict=True)])


def shares(
    texts: Sequence[str], rows: Sequence[Mapping[str, Any]], outcomes: Sequence[float | None]
) -> dict[str, float]:
    """Return repetition and parse_rate."""
    looping = [endless(text, row, outcome) for text, row, outcome in zip(texts, rows, outcomes, strict=True)]
    parsed = len(outcomes) - list(outcomes).count(None)
    return {"repetition": looping.count(True) / len(texts), "parse_rate": parsed / len(texts)}


def endless(text: str, row: Mapping[str, Any], outcome: float | None) -> bool:
    """Return whether a text repeats itself for no reason: it is not right, and the row's own target, such as a grid,
    does not repeat itself so, or is over by then."""
    if outcome == 1.0 or not loops(text):
        return False
    target = str(row.get("target") or "")
    return not loops(target) or len(text) > len(target) + TAIL


def loops(text: str) -> bool:
    """Return whether the end of a text repeats itself."""
    tail = text[-TAIL:].encode()
    return len(tail) > COMPRESSED * len(zlib.compress(tail))
