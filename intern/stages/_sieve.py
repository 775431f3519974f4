"""From a teacher's answers to rows: round by round, cheapest test first, each loss counted."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from intern import rewards, shape
from intern.config.schema import Goal
from intern.data import cleaning, held_out, items
from intern.data.decontamination import Decontamination
from intern.data.items import Row
from intern.data.near import Near
from intern.stages import Task, _coverage, _lesson, _rows, _synthesis
from intern.stages._coverage import Cell
from intern.stages._synthesis import Synthesis
from intern.stages._teachers import Teacher, local

POOL = 400  # train items of which some are shown
OTHERS = 10  # questions of a cell that the teacher is told to avoid
Drawn = tuple[Cell, Row]  # a row, and the cell that it was asked for


@dataclass
class Made:
    """What was asked for so far, and what is left of it."""

    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Topics, skills, difficulties and styles."""
    cells: int = 0
    """Cells that are to have rows."""
    asked: int = 0
    """Rows asked for."""
    written: int = 0
    """Rows that the teacher wrote."""
    formed: int = 0
    """Those of them that have the form."""
    kept: list[Row] = field(default_factory=list)
    """Rows that are left."""
    lost: Counter[str] = field(default_factory=Counter)
    """Why rows went."""
    failures: Counter[str] = field(default_factory=Counter)
    """Why requests had no answer."""

    def told(self, wanted: Any, teacher: Teacher) -> Synthesis:
        """Return all of it."""
        answers = list(teacher.asked.values())
        tokens_in, tokens_out = _synthesis.tokens(answers)
        return Synthesis(
            teacher=teacher.name,
            answered_as=tuple(teacher.names),
            local=local(wanted),
            batch=wanted.batch,
            wanted=wanted.rows,
            asked=self.asked,
            made=self.written,
            kept=len(self.kept),
            lost=_synthesis.counted(self.lost),
            failures=dict(self.failures.most_common(10)),
            cells=self.cells,
            covered=len({row["cell"] for row in self.kept}),
            axes=self.axes,
            near_duplicates=(self.lost[_synthesis.SAME] + self.lost[_synthesis.NEAR]) / max(self.formed, 1),
            requests=len(answers),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            dollars=teacher.dollars,
            per_kept=round(teacher.dollars / len(self.kept), 6) if self.kept else None,
            cut=teacher.purse.empty,
            agreement=wanted.agreement,
            answers=wanted.answers,
            rubric=tuple(wanted.rubric),
        )


def made(task: Task, teacher: Teacher, before: Sequence[Row]) -> Made:
    """Return rows with questions of the teacher's own."""
    wanted, goal = task.settings, task.config.goal
    guard = _rows.guard(task, before)
    pool = train(task, before, guard)
    done = Made(axes(task, teacher, pool))
    cells = _coverage.cells(task.seed, *done.axes.values())
    quota = _coverage.quotas(cells, wanted.rows)
    done.cells = len(quota)
    known = Near()
    for row in (*before, *pool):
        known.add(items.bare(row))
        known.add(row["key"])
    having: defaultdict[Cell, list[Row]] = defaultdict(list)
    for turn in range(wanted.rounds):
        missing = +Counter({cell: rows - len(having[cell]) for cell, rows in quota.items()})
        if not missing or teacher.purse.empty:
            break
        drawn = written(task, teacher, done, missing, having, pool, turn)
        fresh = [pair for pair in drawn if new(pair[1], known, done)]
        clean, _ = cleaning.clean([row for _, row in fresh if not kept_back(goal, row)], guard)
        done.lost[_synthesis.CONTAMINATED] += len(fresh) - len(clean)
        left = {row["key"] for row in clean}
        for cell, row in checked(task, teacher, done, [pair for pair in fresh if pair[1]["key"] in left]):
            having[cell].append(row)
            done.kept.append({**row, "cell": str(cell)})
        print(f"{task.name}: round {turn + 1}, {len(done.kept)} of {wanted.rows} rows", flush=True)
    return done


def kept_back(goal: Goal, row: Row) -> bool:
    """Return whether a row's question is one that the goal's generator keeps for dev or test, drawn or not."""
    key = held_out.canonical(goal, row["question"])
    return key is not None and items.split_of(key) != "train"


def train(task: Task, before: Sequence[Row], guard: Decontamination) -> list[Row]:
    """Return train items of the goal: what a teacher may be shown. No item of dev or test is among them."""
    goal, path = task.config.goal, task.items / "train.jsonl"
    if before:
        rows = list(before)
    elif goal.generator:
        rows = items.take(items.generated(goal, "train", task.seed), POOL)
        rows = [{**row, "target": row.get("solution", row["target"])} for row in rows]
    else:
        rows = items.read(path) if path.exists() else []
    return cleaning.clean(_lesson.drawn(rows, POOL, f"{task.seed}/pool"), guard)[0]


def axes(task: Task, teacher: Teacher, pool: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Return topics, skills, difficulties and styles: those of the settings; of the first two, if there are none, what
    the teacher plans; and if that says nothing, one that stands for all."""
    wanted, goal = task.settings, task.config.goal
    plan = None
    if not wanted.topics or not wanted.skills:
        shown = _lesson.drawn(pool, _lesson.MANY, f"{task.seed}/plan")
        answer = teacher({"plan": _lesson.plan(goal, shown)}).get("plan")
        plan = answer.value if answer else None
        if plan is None:
            print(f"{task.name}: no plan of topics and skills ({answer.error if answer else 'no dollars'})")
    any_of = f"any that suits {goal.name}"
    return {
        "topics": tuple(wanted.topics or _lesson.planned(plan, "topics") or [any_of]),
        "skills": tuple(wanted.skills or _lesson.planned(plan, "skills") or [any_of]),
        "difficulties": (wanted.difficulty,) if wanted.difficulty else tuple(wanted.difficulties),
        "styles": (wanted.style,) if wanted.style else tuple(wanted.styles),
    }


def written(
    task: Task,
    teacher: Teacher,
    done: Made,
    missing: Counter[Cell],
    having: dict[Cell, list[Row]],
    pool: Sequence[Row],
    turn: int,
) -> list[Drawn]:
    """Return the well-formed rows that the teacher writes for what cells lack."""
    wanted, goal = task.settings, task.config.goal
    calls = {f"make {turn} {call[1]} {call[0]}": call for call in _coverage.calls(missing, wanted.per_call)}
    questions = {}
    for name, (cell, place, rows) in calls.items():
        shown = _lesson.drawn(pool, wanted.shown, f"{task.seed}/{name}")
        others = [items.bare(row) for row in having[cell][-OTHERS:]]
        questions[name] = _lesson.make(goal, wanted.form, cell, rows, shown, others, place)
    answers = teacher(questions)
    drawn = []
    for name, (cell, _, rows) in calls.items():
        answer = answers.get(name)
        done.asked += rows
        if answer is None or answer.value is None:
            done.lost[_synthesis.NO_ANSWER] += rows
            done.failures[answer.error if answer else "the dollars were used"] += 1
            continue
        entries = shape.entries(answer.value.get("rows"))[:rows]
        done.written += len(entries)
        done.lost[_synthesis.FEWER] += rows - len(entries)
        for entry in entries:
            row = _lesson.row(goal, wanted.form, entry)
            if isinstance(row, str):
                done.lost[row] += 1
            else:
                drawn.append((cell, row))
    done.formed += len(drawn)
    return drawn


def new(row: Row, known: Near, done: Made) -> bool:
    """Return whether a row's question repeats none that there was; of one with choices what stands before them."""
    if why := known.add(row["key"]):
        done.lost[why] += 1
    return why is None


def checked(task: Task, teacher: Teacher, done: Made, drawn: Sequence[Drawn]) -> list[Drawn]:
    """Return the rows whose answers the scorer reads, and which the teacher's other answers and judgement bear out."""
    wanted, outcome = task.settings, rewards.scorer(task.config.goal)
    left = list(drawn)
    if wanted.form != "dialogue":
        left = [pair for pair in drawn if outcome(pair[1]["target"], pair[1]) == 1.0]
        done.lost[_synthesis.UNREAD] += len(drawn) - len(left)
    if wanted.answers:
        left = agreed(task, teacher, done, left)
    return judged(task, teacher, done, left) if wanted.rubric else left


def agreed(task: Task, teacher: Teacher, done: Made, drawn: Sequence[Drawn]) -> list[Drawn]:
    """Return the rows with whose answer enough of the teacher's other answers agree, by the goal's scorer."""
    wanted, outcome = task.settings, rewards.scorer(task.config.goal)
    said = others(teacher, [row for _, row in drawn], wanted)
    left = []
    for cell, row in drawn:
        texts = said[row["key"]]
        if len(texts) < wanted.answers:
            done.lost[_synthesis.UNCHECKED] += 1
            continue
        share = sum(text is not None and outcome(text, row) == 1.0 for text in texts) / len(texts)
        if share >= wanted.agreement:
            left.append((cell, {**row, "agreement": share}))
        else:
            done.lost[_synthesis.WRONG] += 1
    return left


def others(teacher: Teacher, rows: Sequence[Row], wanted: Any) -> dict[str, list[str | None]]:
    """Return the teacher's answers to each row's question by its key, as completions; None for one without the form."""
    times = range(max(wanted.answers, 1))
    names = {f"solve {place} {row['key']}": row for row in rows for place in times}
    answers = teacher({name: _lesson.solve(row, wanted.form) for name, row in names.items()})
    said: dict[str, list[str | None]] = {row["key"]: [] for row in rows}
    for name, row in names.items():
        if name in answers:
            said[row["key"]].append(_lesson.completion(answers[name].value))
    return said


def judged(task: Task, teacher: Teacher, done: Made, drawn: Sequence[Drawn]) -> list[Drawn]:
    """Return the rows that the teacher finds to meet every criterion."""
    rubric = task.settings.rubric
    verdicts = teacher({f"judge {row['key']}": _lesson.judge(row, rubric) for _, row in drawn})
    left = []
    for cell, row in drawn:
        verdict = verdicts.get(f"judge {row['key']}")
        if verdict is None:
            done.lost[_synthesis.UNCHECKED] += 1
        elif _lesson.meets(verdict.value, rubric):
            left.append((cell, row))
        else:
            done.lost[_synthesis.RUBRIC] += 1
    return left


def answered(task: Task, teacher: Teacher, before: Sequence[Row]) -> Made:
    """Return rows with given questions, and the teacher's first answer that the goal's scorer finds right."""
    wanted, outcome = task.settings, rewards.scorer(task.config.goal)
    asked = {row["key"]: row for row in before}
    chosen = _lesson.drawn(list(asked.values()), wanted.rows, f"{task.seed}/given")
    done = Made({}, 1, asked=len(chosen), written=len(chosen), formed=len(chosen))
    said = others(teacher, chosen, wanted)
    for row in chosen:
        texts = said[row["key"]]
        right = [text for text in texts if text is not None and outcome(text, row) == 1.0]
        if len(texts) < max(wanted.answers, 1):
            done.lost[_synthesis.UNCHECKED] += 1
        elif not right or len(right) / len(texts) < wanted.agreement:
            done.lost[_synthesis.WRONG] += 1
        else:
            done.kept.append({**row, "target": right[0], "agreement": len(right) / len(texts), "cell": "given"})
    return done
