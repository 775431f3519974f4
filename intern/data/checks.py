"""A person's items before anything is run on them: can the scorer find the answers, do the targets fit the length.

A split is judged by at most MOST of its rows, spread over it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intern import records, rewards
from intern.config.schema import Goal
from intern.data.items import Row, bare, shortened
from intern.errors import UserError
from intern.text import one_line

MOST = 2000  # rows of a split; a share is then known to 1.1 points
SHOWN = 3
PERCENTILE = 0.95  # of the targets, which the limit that is proposed lets through
Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Judged:
    """A row, and what the goal's scorer makes of the row's own target."""

    row: Row
    """The row."""
    value: float | None
    """1.0 if the target is right; None if no answer was found in it."""
    error: str = ""
    """What the scorer failed with."""

    @property
    def verdict(self) -> str:
        """What came of it, in words."""
        if self.error:
            return f"fails ({self.error})"
        if self.value is None:
            return "finds no answer in it"
        return {0.0: "finds it wrong", 1.0: "finds it right"}.get(self.value, f"gives it {self.value:g}")


def check(goal: Goal, splits: Mapping[str, Sequence[Row]], count: Count | None) -> list[str]:
    """Return what a person should know of the rows, a line each.

    Args:
        goal: whose scorer and limit are used.
        splits: the rows of train, dev and test.
        count: texts → the number of the model's tokens of each; None: that cannot be told.

    Raises:
        UserError: if the scorer cannot judge the rows, or if most targets are longer than the evaluator lets an answer
            be.
    """
    judged = {split: judge(goal, records.spread(rows, MOST)) for split, rows in splits.items()}
    refuse(goal, judged)
    lines = unread(goal, judged) or [line for split, rows in judged.items() if (line := wrong(goal, split, rows))]
    lines += lengths(goal, records.spread(splits["train"], MOST), count)
    return [*lines, *(shown(goal, entry) for entry in judged["dev"][:SHOWN])]


def judge(goal: Goal, rows: Sequence[Row]) -> list[Judged]:
    """Return what the goal's scorer makes of each row's own target; rows that cleaning will drop are left out."""
    outcome = rewards.scorer(goal)
    judged = []
    for row in rewards.looked_at(outcome, rows):
        if not row["target"].strip():
            continue
        try:
            judged.append(Judged(row, outcome(row["target"], row)))
        except Exception as error:  # the border to a plug-in
            judged.append(Judged(row, None, one_line(f"{type(error).__name__}: {error}", 500)))
    return judged


def refuse(goal: Goal, judged: Mapping[str, Sequence[Judged]]) -> None:
    """Raise UserError if the scorer fails, or if answers are lists and it reads none of them."""
    everything = [(split, entry) for split, entries in judged.items() for entry in entries]
    failed = [(split, entry) for split, entry in everything if entry.error]
    if failed:
        split, entry = failed[0]
        raise UserError(
            f"The scorer {goal.scorer} fails on {len(failed)} of {len(everything)} rows, such as {described(entry)} of "
            f"{split}: {entry.error}. Mend these rows, or take another scorer: goal.scorer=NAME."
        )
    lists = [entry for _, entry in everything if isinstance(entry.row["answer"], list)]
    if lists and not any(entry.value == 1.0 for entry in lists):
        raise UserError(
            f"The answers are lists, as in {described(lists[0])}, and the scorer {goal.scorer} does not find an "
            "answer of the list right. Give one answer a row, as text or a number."
        )


def unread(goal: Goal, judged: Mapping[str, Sequence[Judged]]) -> list[str]:
    """Return a line if targets are of a form in which the scorer never finds an answer, right or wrong."""
    everything = [entry for rows in judged.values() for entry in rows]
    if not everything or any(entry.value is not None for entry in everything):
        return []
    return [
        f"the scorer {goal.scorer} reads an answer in no target of {', '.join(judged)}: recipe.data.answer_line=true "
        "adds the line that it reads (the recipes under words/ do)"
    ]


def wrong(goal: Goal, split: str, judged: Sequence[Judged]) -> str | None:
    """Say in how many targets of a split the scorer does not find the answer; None if in all."""
    others = [entry for entry in judged if entry.value != 1.0]
    if not others:
        return None
    silent = sum(entry.value is None for entry in others)
    hint = "; a recipe's answer_line=true ends them with the line that it reads" if silent else ""
    return (
        f"{split}: the scorer {goal.scorer} does not find the answer in {len(others)} of {len(judged)} targets "
        f"({len(others) / len(judged):.1%}; in {silent} of them it finds none){hint}; such as {described(others[0])}"
    )


def described(entry: Judged) -> str:
    """Return a row's question, answer and the end of its target."""
    row = entry.row
    return f"“{shortened(bare(row), 80)}” with answer {row['answer']!r} and target “{shortened(row['target'], 80)}”"


def shown(goal: Goal, entry: Judged) -> str:
    """Return a line with a row as the evaluator sees it."""
    return f"dev: {described(entry)}: the scorer {entry.verdict}"


def lengths(goal: Goal, rows: Sequence[Row], count: Count | None) -> list[str]:
    """Return a line on how many targets are longer than the evaluator lets an answer be; none if all fit.

    Raises:
        UserError: if more than half are longer.
    """
    if count is None:
        return ["train: the model's tokenizer.json is not at hand: targets were not held against goal.max_new_tokens"]
    tokens = sorted(number + 1 for number in count([row["target"] for row in rows]))  # and the end of the turn
    limit = goal.max_new_tokens
    longer = sum(number > limit for number in tokens)
    if not longer:
        return []
    most = tokens[int(PERCENTILE * (len(tokens) - 1))]
    what = (
        f"{longer / len(tokens):.1%} of the targets of train are longer than an answer may be (goal.max_new_tokens="
        f"{limit}); median {tokens[len(tokens) // 2]}, 95th percentile {most}, longest {tokens[-1]} tokens"
    )
    if 2 * longer > len(tokens):
        raise UserError(f"{what}. Most answers would be cut: goal.max_new_tokens={most}.")
    return [f"train: {what}" + (f" (goal.max_new_tokens={most} would let 95 % through)" if most > limit else "")]
