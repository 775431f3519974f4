"""What the model under training writes for rows that are held back, so that a broken format, endless output or babble
is seen before the stage ends."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from intern import rewards
from intern.config.schema import Config
from intern.data import items
from intern.data.items import Row
from intern.rewards import Outcome

MOST, SHARE = 64, 0.05  # rows held back: at most so many, and at most this share
FEW = 16  # rows whose loss is looked at
FIRST = 4  # rows that are answered to see what it costs
SMALL = 20e6  # without a GPU a model of more parameters answers as few: 64 take four times as long
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


class HeldOut:
    """The rows that a stage holds back, and the trainer whose model is asked."""

    def __init__(self, trainer: Any, rows: Sequence[Row], outcome: Outcome | None, config: Config) -> None:
        """Hold rows back.

        Args:
            trainer: TRL's; what it has of the same rows as `eval_dataset` gives the loss on them.
            rows: of the goal, at least one.
            outcome: judges an answer; None: only the loss is looked at.
            config: the trial's.
        """
        self.trainer, self.outcome, self.config = trainer, outcome, config
        slow = self.model.device.type == "cpu" and self.model.num_parameters() > SMALL
        self.rows = rows[:FEW] if slow else rows

    @property
    def model(self) -> Any:
        """The model under training."""
        return self.trainer.accelerator.unwrap_model(self.trainer.model)

    @property
    def has_loss(self) -> bool:
        """Whether the trainer knows of a loss on the rows."""
        return self.trainer.eval_dataset is not None

    @property
    def evaluated_rows(self) -> int:
        """Rows whose loss is looked at: the same ones each time, so that few tell a trend."""
        return min(FEW, len(self.rows))

    def evaluated(self) -> None:
        """Let the trainer log its loss on some of the rows."""
        if self.has_loss:
            self.trainer.evaluate(self.trainer.eval_dataset.select(range(self.evaluated_rows)))

    def try_out(self) -> None:
        """Let the model answer a few of the rows, and forget what it wrote: to see what an answer costs."""
        if self.outcome is not None:
            self.answers(self.rows[:FIRST])

    def written(self) -> dict[str, Any]:
        """Return what the model writes for the rows, greedy, as metrics; {} if nothing judges it.

        They are canaries (how many rows), right (a character for each row: 1 if it is wholly right), and the shares
        right_rate, truncation, repetition and parse_rate, alike (how many end with the commonest answer) and
        alike_expected (how many should), in [0, 1]."""
        if self.outcome is None:
            return {}
        return self.judged(self.answers(self.rows))

    def judged(self, answered: Sequence[tuple[str, bool]]) -> dict[str, Any]:
        """Return the metrics of (text, whether it came to an end) for each row."""
        assert self.outcome
        texts = [text for text, _ in answered]
        outcomes = rewards.many(self.outcome, texts, self.rows)
        right = "".join("1" if value == 1.0 else "0" for value in outcomes)
        cut = [ended for _, ended in answered].count(False)
        rates = {
            "right_rate": right.count("1") / len(texts),
            "truncation": cut / len(texts),
            "alike": commonest([text.strip().rpartition("\n")[2] for text in texts]),
            "alike_expected": commonest([items.text_of(row, "answer") for row in self.rows]),
        }
        return {"canaries": len(texts), "right": right, **rates, **shares(texts, self.rows, outcomes)}

    def answers(self, rows: Sequence[Row]) -> list[tuple[str, bool]]:
        """Return (text, whether it came to an end) for each row, in one batch, whatever the training's is: without
        gradients a row takes little memory."""
        import torch

        tokenizer, model = self.trainer.processing_class, self.model
        model.eval()  # in training mode with activation checkpointing there is no KV cache
        ends = end_ids(model, tokenizer)
        chats = [[{"role": "user", "content": row["question"]}] for row in rows]
        prompts = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False) for chat in chats]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        with torch.no_grad():
            made = model.generate(
                **batch.to(model.device),
                max_new_tokens=self.config.goal.answer_length,
                do_sample=False,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id,
            )[:, batch["input_ids"].shape[1] :]
        ended = torch.isin(made, torch.tensor(ends, device=made.device)).any(dim=1).tolist()
        return list(zip(tokenizer.batch_decode(made, skip_special_tokens=True), ended, strict=True))


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Return the ids of every token that ends an answer: the one that ends a turn, and those that the model's own
    generation config names, such as the end of a text."""
    own = model.generation_config.eos_token_id
    named = own if isinstance(own, list) else [own]
    return sorted({tokenizer.eos_token_id, *named} - {None})


def commonest(texts: Sequence[str]) -> float:
    """Return the share of the commonest text."""
    return Counter(texts).most_common(1)[0][1] / len(texts)


def rates(
    texts: Sequence[str], rows: Sequence[Mapping[str, Any]], outcomes: Sequence[float | None] | None
) -> dict[str, float]:
    """Return the shares of texts that repeat themselves without end and, with the scorer's outcomes, of those in which
    it found an answer."""
    if outcomes is None:
        return {"repetition": shares(texts, rows, [None] * len(texts))["repetition"]}
    return shares(texts, rows, outcomes)


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
