"""Stage rejection: let the model so far answer the rows' questions several times, and keep what the goal's scorer finds
right: rejection sampling (STaR, arXiv:2203.14465; RFT, arXiv:2308.01825).

Each row kept says in `pass_rate` which share of the answers was right. With `keep: prompts` the rows stay as they are,
and only those whose questions are neither too easy nor too hard go on: what GRPO learns most from.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from intern import files, rewards
from intern.config.cost import Cost, Writing
from intern.config.ranges import Count, Size, Unit
from intern.config.schema import Config, tunable
from intern.data import items
from intern.data.items import Row
from intern.errors import UserError
from intern.stages import Task

VERSION = 1
READS = ("goal", "model.dtype", "model.eos_token", "model.context")
USES = ("model", "rows", "seed")
NEEDS = ("rows",)
MAKES = "rows"
FILE = "rejection.json"
KEEPS = (FILE,)
PRELOADS = ("lm_eval.models.huggingface",)
DRAWN = "drawn.jsonl"  # the answers so far, a line for each question, while the stage runs
CHUNK = 32  # questions whose answers are drawn and written together
Drawn = tuple[str, bool]  # an answer, and whether it came to an end


@dataclass
class Settings:
    """How answers are drawn, and which rows go on."""

    samples: Annotated[int, Field(ge=1, le=256)] = tunable(8)
    """Answers to each question."""
    temperature: Annotated[float, Field(gt=0, le=5)] = tunable(1.0)
    """Of the sampling."""
    top_p: Annotated[float, Field(gt=0, le=1)] = tunable(1.0)
    """Share of the probability that is drawn from."""
    keep: Literal["answers", "prompts"] = "answers"
    """answers: right answers become targets; prompts: the rows stay, and are chosen by their pass rate."""
    per_prompt: Size = tunable(2)
    """Different right answers to one question that are kept at most; of no matter for prompts."""
    low: Unit = tunable(0.0)
    """Least pass rate of a question that is kept; one that was never right has no answer to keep."""
    high: Unit = tunable(1.0)
    """Greatest pass rate of a question that is kept."""
    given: bool = tunable(False)
    """Train on the rows so far as well; of no matter for prompts."""
    prompts: Count | None = tunable()
    """Questions at most, drawn at random; None: all."""


def shortened(settings: Settings, share: float) -> Settings:
    """Return the settings at a share of the questions, if their number is given."""
    return settings if settings.prompts is None else replace(settings, prompts=max(1, round(share * settings.prompts)))


def faults(settings: Settings, config: Config) -> list[str]:
    """Return bounds that keep nothing, and a goal whose scorer cannot tell which answers are right."""
    found = []
    if settings.low > settings.high:
        found.append(f"low={settings.low:g} exceeds high={settings.high:g}: no question would be kept")
    if settings.keep == "answers" and settings.high == 0:
        found.append("high=0 keeps questions without a right answer alone: keep=prompts, or a greater high")
    return found


def cost(settings: Settings, config: Config, rows: int | None) -> Cost:
    """Return the answers that are drawn."""
    asked = min((count for count in (rows, settings.prompts) if count), default=None)
    answers = None if asked is None else asked * settings.samples
    return Cost(writing=Writing(answers, config.compute.eval_batch_size, config.goal.answer_length))


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the goal's scorer."""
    yield "rewards", config.goal.scorer


def run(task: Task) -> None:
    """Write rows.jsonl, and rejection.json: how many questions, answers, right ones, rows; a histogram of pass rates.

    Raises:
        UserError: if no row is left.
    """
    wanted: Settings = task.settings
    assert task.rows
    rows = items.read(task.rows)
    asked = questions(rows, wanted.prompts, task.seed)
    drawn = draw(task, asked)
    outcome = rewards.scorer(task.config.goal)
    judged = {key: right(outcome, texts, asked[key]) for key, texts in drawn.items()}
    rates = {key: len(texts) / wanted.samples for key, texts in judged.items()}
    passed = {key: rate for key, rate in rates.items() if wanted.low <= rate <= wanted.high}
    if wanted.keep == "prompts":
        kept = [{**row, "pass_rate": passed[row["key"]]} for row in rows if row["key"] in passed]
    else:
        kept = [row for key in passed for row in answered(asked[key], judged[key], passed[key], wanted.per_prompt)]
        kept += [{**row, "pass_rate": rates.get(row["key"])} for row in rows] if wanted.given and kept else []
    told = summary(rates, wanted, len(kept))
    print(f"rejection: {told}")
    if not kept:
        raise UserError(nothing(task.name, wanted, told))
    random.Random(task.seed).shuffle(kept)
    files.write_whole(task.out / FILE, told)
    items.write(task.out / "rows.jsonl", kept)
    (task.out / DRAWN).unlink()


def questions(rows: Sequence[Row], most: int | None, seed: int) -> dict[str, Row]:
    """Return a row for each question by its key, in their order; with `most`, so many of them at random."""
    asked: dict[str, Row] = {}
    for row in rows:
        asked.setdefault(row["key"], row)
    if most is None or most >= len(asked):
        return asked
    chosen = set(random.Random(seed).sample(sorted(asked), most))
    return {key: row for key, row in asked.items() if key in chosen}


def draw(task: Task, asked: Mapping[str, Row]) -> dict[str, list[Drawn]]:
    """Return the answers to each question by its key, those that a killed attempt has left included."""
    path = task.out / DRAWN
    drawn = {key: texts for key, texts in left(path) if key in asked}
    rest = [key for key in asked if key not in drawn]
    if not rest:
        return {key: drawn[key] for key in asked}
    import torch

    from intern.stages import _evaluator

    model = _evaluator.language_model(task)
    path.write_text("".join(line(key, texts) for key, texts in drawn.items()), encoding="utf-8")  # without a torn end
    for begin in range(0, len(rest), CHUNK):
        keys = rest[begin : begin + CHUNK]
        torch.manual_seed(task.seed + int(1e6 * items.share_of(keys[0])))  # whatever was drawn before them
        made = answers(task, model, [asked[key] for key in keys])
        drawn |= dict(zip(keys, made, strict=True))
        with path.open("a", encoding="utf-8") as file:
            file.writelines(line(key, drawn[key]) for key in keys)
        print(f"rejection: {len(drawn)} of {len(asked)} questions", flush=True)
    return {key: drawn[key] for key in asked}


def answers(task: Task, model: Any, rows: Sequence[Row]) -> list[list[Drawn]]:
    """Return the answers to some questions: the prompt, the stop and the limit are those of the score."""
    from intern.stages import _evaluator

    wanted: Settings = task.settings
    limit = task.config.goal.answer_length
    stop = task.config.model.eos_token or model.tokenizer.eos_token
    turns = [row["question"] for row in rows for _ in range(wanted.samples)]
    texts = _evaluator.sampled(model, turns, stop, limit, temperature=wanted.temperature, top_p=wanted.top_p)
    ended = [len(model.tokenizer(text, add_special_tokens=False)["input_ids"]) < limit for text in texts]
    pairs = list(zip(texts, ended, strict=True))
    return [pairs[begin : begin + wanted.samples] for begin in range(0, len(pairs), wanted.samples)]


def right(outcome: rewards.Outcome, texts: Sequence[Drawn], row: Row) -> list[str]:
    """Return the answers to a question that came to an end and are wholly right."""
    ended = [text for text, whole in texts if whole]
    judged = rewards.many(outcome, ended, [row] * len(ended))
    return [text for text, value in zip(ended, judged, strict=True) if value == 1.0]


def line(key: str, texts: Sequence[Drawn]) -> str:
    """Return the line of the answers to one question."""
    return json.dumps({"key": key, "texts": texts}, ensure_ascii=False) + "\n"


def left(path: Path) -> Iterator[tuple[str, list[Drawn]]]:
    """Yield (key, answers) of the whole lines that an attempt has left."""
    for text in path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else ():
        kept = json.loads(text)
        yield kept["key"], [(str(answer), bool(ended)) for answer, ended in kept["texts"]]


def answered(row: Row, texts: Sequence[str], rate: float, most: int) -> list[Row]:
    """Return a row for each different right answer, the commonest first: what a model writes often is no accident."""
    common = [text for text, _ in Counter(text.strip() for text in texts).most_common(most)]
    return [{**row, "target": text, "pass_rate": rate} for text in common]


def summary(rates: Mapping[str, float], wanted: Settings, kept: int) -> dict[str, Any]:
    """Return what was drawn and what came of it."""
    tenths = Counter(min(int(10 * rate), 9) for rate in rates.values())
    return {
        "questions": len(rates),
        "answers": len(rates) * wanted.samples,
        "right": round(sum(rates.values()) * wanted.samples),
        "never_right": sum(rate == 0 for rate in rates.values()),
        "rows": kept,
        "tenths": [tenths[place] for place in range(10)],
    }


def nothing(name: str, wanted: Settings, told: Mapping[str, Any]) -> str:
    """Return why nothing is left, and what helps."""
    return (
        f"Stage {name} keeps nothing: of {told['answers']} answers to {told['questions']} questions {told['right']} "
        f"were right, and no question has a pass rate from {wanted.low:g} to {wanted.high:g} with something to keep. "
        f"Train the model further before it, draw more (recipe.{name}.samples), or keep other pass rates "
        f"(recipe.{name}.low, high)."
    )
