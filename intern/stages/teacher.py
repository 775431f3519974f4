"""Stage teacher: rows that a better model writes, planned before they are asked for, and sifted before they are kept.

Every combination of topic, skill, difficulty and style gets its share of the rows. What the teacher writes counts only
if it has the form, repeats nothing, is no item of dev or test, is read by the goal's scorer, and if the teacher, asked
again without its answer, mostly finds the same one (self-consistency, arXiv:2203.11171; Self-Instruct,
arXiv:2212.10560). With `questions: given` it answers the questions of the rows so far, and the goal's scorer decides.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from intern import files, llm, records
from intern.config.ranges import LOOPBACK, Count, Size, Text, Unit
from intern.config.schema import Config, tunable
from intern.data import items, local
from intern.errors import UserError
from intern.stages import COST, CUT, Task, _sieve, _teachers
from intern.stages._synthesis import CARD, FILE, Synthesis, card
from intern.stages._teachers import Teacher

VERSION = 1
READS = ("goal", "model.eos_token")
USES = ("rows", "seed")
MAKES = "rows"
KEEPS = (FILE, CARD)
Dollars = Annotated[float, Field(ge=0, le=1e6)]


@dataclass
class Settings(llm.Settings):
    """What is wanted, who teaches, and what is kept."""

    rows: Count = tunable(1100)
    """Rows wanted; of given questions, so many are asked."""
    questions: Literal["own", "given"] = "own"
    """own: the teacher makes them up; given: those of the rows so far, whose answers are known."""
    form: Literal["answer", "choices", "dialogue"] = "answer"
    """What a row is: a question with its answer; with choices; or a dialogue whose reply a rubric judges."""
    topics: list[Text] = field(default_factory=list)
    """What questions are about; none: the teacher is asked once, and shown train items of the goal."""
    skills: list[Text] = field(default_factory=list)
    """What has to be done to answer them; none: likewise."""
    difficulties: list[Text] = field(default_factory=lambda: ["easy", "medium", "hard"])
    """How hard they are."""
    styles: list[Text] = field(default_factory=lambda: ["plain", "told as a story"])
    """How they are put."""
    difficulty: Text | None = tunable()
    """One of the difficulties alone; None: all."""
    style: Text | None = tunable()
    """One of the styles alone; None: all."""
    shown: Annotated[int, Field(ge=0, le=20)] = tunable(3)
    """Train items of the goal that each request shows."""
    per_call: Annotated[int, Field(ge=1, le=50)] = tunable(5)
    """Rows that are asked for at once, all of one cell."""
    rounds: Annotated[int, Field(ge=1, le=10)] = tunable(2)
    """How often is asked: from the second time on for what the cells lack after sifting."""
    answers: Annotated[int, Field(ge=0, le=64)] = tunable(3)
    """Answers to each question for agreement; 0: the teacher is believed, or for given questions one."""
    agreement: Unit = tunable(0.6)
    """Share of these answers that must agree with the row's own, or for given questions be right."""
    rubric: list[Text] = field(default_factory=list)
    """Criteria, all of which the teacher must find met by a row when it is asked to judge it; none: it is not asked."""
    who: Literal["api", "local"] = "api"
    """api: a service, or with base_url a server on this machine; local: a model that is loaded here."""
    base_url: Annotated[str, Field(pattern=LOOPBACK, max_length=500)] | None = None
    """A server on this machine, which is sent no key; None: Anthropic's service, or what ANTHROPIC_BASE_URL says."""
    max_tokens: Annotated[int, Field(ge=1, le=20_000)] = 4000
    """Longest answer, its thinking included."""
    batch: bool = False
    """Ask in batches, for half the price: each takes up to a day, mostly less than an hour."""
    poll_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """Pause between two looks at a batch."""
    parallel: Size = 8
    """Questions under way at once, without batches."""
    dollars: Dollars = 5.0
    """What the rows may cost; what budget.dollars leaves is the limit if that is less."""


def faults(settings: Settings, config: Config) -> list[str]:
    """Return settings that contradict each other, and a teacher that the goal does not allow."""
    found = []
    for name, all_of in (("difficulty", "difficulties"), ("style", "styles")):
        value, legal = getattr(settings, name), getattr(settings, all_of)
        if value is not None and value not in legal:
            found.append(f"{name}={value} is none of {all_of}: {', '.join(legal)}")
    if not settings.difficulties or not settings.styles:
        found.append("difficulties and styles: at least one of each is needed, or nothing is asked for")
    if settings.form == "dialogue" and (settings.answers or settings.questions == "given"):
        found.append("form=dialogue has no answers to compare: answers=0, questions=own; a rubric judges its rows")
    if settings.batch and settings.who == "local":
        found.append("batch=true: a model that is loaded here has no batches. Leave it out, or who=api")
    if config.goal.local_only and not _teachers.local(settings):
        found.append(
            f"who={settings.who}: goal {config.goal.name} allows no teacher behind a service (goal.local_only). Take "
            "who=local with model=FOLDER, or base_url=http://127.0.0.1:PORT of a server of your own"
        )
    return found


def lacks(settings: Settings) -> list[str]:
    """Return what is not here and without which it cannot run: a key, the SDK, a model."""
    missing = _teachers.lacks(settings)
    return [missing] if missing else []


def pays(settings: Settings) -> bool:
    """Return whether it costs dollars."""
    return not _teachers.local(settings)


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the goal's scorer, and its generator, whose items are shown."""
    yield "rewards", config.goal.scorer
    if config.goal.generator:
        yield "generators", config.goal.generator


def run(task: Task) -> None:
    """Write rows.jsonl, with the rows so far; synthesis.json: what was planned, made, lost and paid; and a data card.

    Raises:
        UserError: if no row is kept, nobody can teach, or the service does not answer.
    """
    wanted: Settings = task.settings
    before = items.read(task.rows) if task.rows else []
    if wanted.questions == "given" and not before:
        raise UserError(f"recipe.{task.name}.questions=given, and no stage before {task.name} makes rows.")
    teacher = Teacher(task)
    try:
        make = _sieve.answered if wanted.questions == "given" else _sieve.made
        made = make(task, teacher, before)
    finally:
        files.write_whole(task.out / COST, {"dollars": round(teacher.kept.paid, 6)})
    told = made.told(wanted, teacher)
    for line in told.lines():
        print(f"{task.name}: {line}")
    if not made.kept:
        raise UserError(f"Stage {task.name} keeps no row. {'; '.join(told.lines())}. {advice(task, told)}")
    files.write_whole(task.out / FILE, records.dump(told))
    files.write_text(task.out / CARD, card(told))
    if task.dollars is not None and task.dollars < wanted.dollars and teacher.purse.empty:
        why = f"the dollars of the budget are used: {task.name} was cut at {told.kept} of {told.wanted} rows"
        files.write_whole(task.out / CUT, {"step": told.kept, "steps": told.wanted, "why": why})
    rows = [*(before if wanted.questions == "own" else ()), *made.kept]
    if any(isinstance(row["answer"], list) for row in before):  # the libraries want one type in a column
        rows = [{**row, **local.listed(row)} for row in rows]
    random.Random(task.seed).shuffle(rows)
    items.write(task.out / "rows.jsonl", rows)
    for name in (_teachers.ANSWERS, _teachers.LOCK):
        with suppress(FileNotFoundError):
            (task.out / name).unlink()


def advice(task: Task, told: Synthesis) -> str:
    """Return what may help if nothing is kept."""
    if told.cut:
        return f"Give more: recipe.{task.name}.dollars, or budget.dollars."
    return (
        f"A better teacher (recipe.{task.name}.model), or less agreement (recipe.{task.name}.agreement, answers) keeps "
        "more."
    )
