"""The tree of trials: each under the one that it varies, with what it changed and what came of that."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from intern.overrides import Overrides
from intern.records import Trial, Verdict
from intern.study.reader import Reader

DEEPEST = 12  # levels; what lies deeper is drawn on the last one


@dataclass(frozen=True)
class Row:
    """A trial in the tree, which is read from top to bottom."""

    trial: Trial
    """The trial."""
    parent: Trial | None
    """The trial that it varies: the base, if it tries a recipe by itself; None for the base."""
    changed: tuple[str, ...]
    """Its overrides that its parent has not."""
    dropped: tuple[str, ...]
    """Its parent's overrides that it has not."""
    gain: float | None
    """Its mean on dev less its parent's, if both were scored."""
    paired: Verdict | None
    """The comparison with its parent, item by item."""
    opens: bool
    """Whether trials lie below it."""
    closes: int
    """Levels that end after it."""
    hidden: int
    """Trials below it that are left out."""


def tree(study: Reader, shown: Sequence[Trial]) -> list[Row]:
    """Return the trials that are shown as a tree.

    A trial whose parent is left out stands below its nearest ancestor that is shown."""
    drawn = {t.number for t in shown if in_tree(t)}
    if 0 not in drawn:
        return []
    below = nearest(study.trials, drawn)
    hidden: Counter[int] = Counter()
    children: dict[int, list[Trial]] = defaultdict(list)
    for trial in study.trials[1:]:
        above = below[trial.parent or 0]
        if trial.number in drawn:
            children[above].append(trial)
        elif in_tree(trial):
            hidden[above] += 1
    places = ordered(study.trials[0], children)
    depths = [min(depth, DEEPEST) for _, depth in places]
    after = [*depths[1:], 0]
    rows = []
    for (trial, _), depth, following in zip(places, depths, after, strict=True):
        opens, closes = following > depth, max(depth - following, 0)
        rows.append(row(study, trial, opens, closes, hidden[trial.number]))
    return rows


def in_tree(trial: Trial) -> bool:
    """Return whether a trial is drawn: the confirmation repeats another one, and a refused one was never run."""
    return trial.kind != "confirm" and trial.state != "REJECTED"


def nearest(trials: Sequence[Trial], drawn: Collection[int]) -> list[int]:
    """Return for each trial its number if it is drawn, else that of its nearest ancestor that is."""
    numbers: list[int] = []
    for trial in trials:
        numbers.append(trial.number if trial.number in drawn else numbers[trial.parent or 0])
    return numbers


def ordered(base: Trial, children: Mapping[int, Sequence[Trial]]) -> list[tuple[Trial, int]]:
    """Return (trial, depth), each trial followed by all that varies it."""
    places = []
    left = [(base, 0)]
    while left:
        trial, depth = left.pop()
        places.append((trial, depth))
        left += [(child, depth + 1) for child in reversed(children.get(trial.number, ()))]
    return places


def row(study: Reader, trial: Trial, opens: bool, closes: int, hidden: int) -> Row:
    """Return a trial's row."""
    if not trial.number:
        return Row(trial, None, (), (), None, None, opens, closes, hidden)
    parent = study.trials[trial.parent or 0]
    mean, before = trial.mean("dev"), parent.mean("dev")
    return Row(
        trial=trial,
        parent=parent,
        changed=beyond(trial.overrides, parent.overrides),
        dropped=beyond(parent.overrides, trial.overrides),
        gain=mean - before if mean is not None and before is not None else None,
        paired=study.compared(trial, parent),
        opens=opens,
        closes=closes,
        hidden=hidden,
    )


def beyond(ours: Overrides, theirs: Overrides) -> tuple[str, ...]:
    """Return those of the first overrides that the second ones lack, or have with another value."""
    absent = object()
    return Overrides({key: value for key, value in ours.items() if theirs.get(key, absent) != value}).short()
