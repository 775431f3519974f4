"""Learning curves: the metrics that each stage says are worth drawing, of as many runs as a page can show."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from intern.config.stages import stage
from intern.records import Trial, spread
from intern.report import charts, shown
from intern.report.fmt import drawable
from intern.study.reader import Reader
from intern.trial.reader import Begun

RUNS = 60  # whose metrics are read; more lines than that cannot be told apart
LOOKED_AT = 4 * RUNS  # trials: some share their runs, some have none
POINTS = 120  # of one curve: more cannot be told apart in a panel
PANEL = 3000  # points of one panel, all its curves together
NAMED = 50  # trials that are named as sharing a run


@dataclass(frozen=True)
class Run:
    """One run of a stage, which several trials may share."""

    begun: Begun
    """The stage as the first of those trials began it."""
    trials: tuple[int, ...]
    """The trials that share it."""
    rows: Sequence[Mapping[str, Any]]
    """What it logged."""


@dataclass(frozen=True)
class Panel:
    """One metric of one stage over its runs."""

    metric: str
    """The metric's name in the log."""
    label: str
    """What the stage calls it."""
    spec: charts.Spec
    """The chart."""


@dataclass(frozen=True)
class Curves:
    """The section of learning curves."""

    stages: Sequence[tuple[str, Sequence[Panel]]]
    """(name, panels) of each stage, in the order of the recipes."""
    trials: Sequence[Trial]
    """The trials whose runs are drawn."""
    drawn: int
    """Runs that are drawn."""
    of: int
    """Runs that there are."""


def curves(study: Reader) -> Curves:
    """Return the learning curves of the best trials and of the newest."""
    sharing = shared(study.trials)
    runs = {run.begun.out: run for run in islice(read(study, sharing), RUNS)}
    mine = sorted({number for run in runs.values() for number in run.trials})
    stages = [(title(same[0].begun), list(panels(same, study))) for same in by_stage(runs.values())]
    logged = [(name, some) for name, some in stages if some]
    return Curves(logged, [study.trials[n] for n in mine], len(runs), len({*sharing, *runs}))


def shared(trials: Sequence[Trial]) -> dict[str, list[int]]:
    """Return output → the trials that share it, for each ended run of a stage that logs something to draw."""
    by_output: dict[str, list[int]] = defaultdict(list)
    for trial in trials:
        for run in trial.stages:
            if stage(run.stage).curves:
                by_output[run.out].append(trial.number)
    return by_output


def read(study: Reader, sharing: Mapping[str, Sequence[int]]) -> Iterator[Run]:
    """Yield the runs of the trials that matter most, with what they logged; one under way included."""
    seen: set[str] = set()
    for number in islice(shown.ranked(study), LOOKED_AT):
        trial = study.trials[number]
        for begun in study.begun(trial):
            if begun.out not in seen and stage(begun.stage).curves:
                seen.add(begun.out)
                trials = dict.fromkeys([number, *sharing.get(begun.out, ())])
                yield Run(begun, tuple(islice(trials, NAMED)), study.metrics(trial, begun))


def by_stage(runs: Iterable[Run]) -> list[list[Run]]:
    """Return the runs of each stage, by name and by what runs under it, in the order of the recipes."""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.begun.name, run.begun.stage].append(run)
    return sorted(groups.values(), key=lambda same: min(run.begun.place for run in same))


def title(begun: Begun) -> str:
    """Return a stage's name in the recipe, and what runs under it if that has another one."""
    return begun.name if begun.name == begun.stage else f"{begun.name} ({begun.stage})"


def panels(runs: Sequence[Run], study: Reader) -> Iterator[Panel]:
    """Yield a panel for each metric that the stage names and one of its runs has logged."""
    for metric, label in stage(runs[0].begun.stage).curves.items():
        logged = [run for run in runs if any(drawable(row.get(metric)) for row in run.rows)]
        if logged:
            yield Panel(metric, label, panel(metric, logged, study))


def panel(metric: str, runs: Sequence[Run], study: Reader) -> charts.Spec:
    """Return the chart of one metric over the runs that logged it."""
    points: list[dict[str, Any]] = []
    stops: list[dict[str, Any]] = []
    about: list[dict[str, Any]] = []
    each = min(POINTS, max(PANEL // len(runs), 2))
    for place, run in enumerate(reversed(runs)):  # the best one is read first, and drawn last
        rows = [row for row in run.rows if metric in row]
        points += [{"run": place, "step": row["step"], "value": rounded(row[metric])} for row in thinned(rows, each)]
        stopped = stopped_by(run, study)
        about.append({"run": place, "trials": run.trials, **style(run, study, bool(stopped))})
        stops += [mark(trial, run, metric, rows) for trial in stopped]
    return charts.curve(points, about, stops)


def style(run: Run, study: Reader, stopped: bool) -> dict[str, str]:
    """Return a run's label and colour."""
    best = study.best
    won = best is not None and best.number in run.trials
    numbers = ", ".join(map(str, run.trials[:5])) + (" …" if len(run.trials) > 5 else "")
    recipe = study.trials[run.trials[0]].recipe
    label = f"{'trials' if run.trials[1:] else 'trial'} {numbers} · {recipe}"
    return {"label": label, "colour": charts.colour("accent" if won else "pruned" if stopped else "muted")}


def stopped_by(run: Run, study: Reader) -> list[Trial]:
    """Return the trials that a rule stopped in this run."""
    sharing = (study.trials[number] for number in run.trials)
    return [t for t in sharing if t.diagnosis and t.diagnosis.stage == run.begun.name]


def mark(trial: Trial, run: Run, metric: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mark of the moment at which a rule stopped a run, at the last value until then."""
    fired = trial.diagnosis
    assert fired
    values = [row for row in rows if drawable(row[metric])]
    at = next((row for row in values if row["step"] >= fired.step), values[-1])
    label = f"trial {trial.number}, {fired.rule}"
    value = rounded(at[metric])
    return {"trials": run.trials, "step": fired.step, "value": value, "label": label, "symptom": fired.symptom}


def rounded(value: Any) -> float | None:
    """Return a logged value with the digits that a chart can show; None, a gap, if it is no number."""
    return float(f"{value:.4g}") if drawable(value) else None


def thinned(rows: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return at most so many rows of a curve, evenly spread, the last one among them."""
    return [*spread(rows[:-1], most - 1), *rows[-1:]]
