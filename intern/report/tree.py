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

    A trial whose parent is left out stands below the nearest trial on the way to the base that is not."""
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
    found = []
    for (trial, _), depth, following in zip(places, depths, after, strict=True):
        opens, closes = following > depth, max(depth - following, 0)
        found.append(row(study, trial, opens, closes, hidden[trial.number]))
    return found


def in_tree(trial: Trial) -> bool:
    """Return whether a trial is drawn: the confirmation repeats another one, and a refused one was never run."""
    return trial.kind != "confirm" and trial.state != "REJECTED"


def nearest(trials: Sequence[Trial], drawn: Collection[int]) -> list[int]:
    """Return for each trial itself, if it is drawn, or else the nearest on its way to the base that is."""
    found: list[int] = []
    for trial in trials:
        found.append(trial.number if trial.number in drawn else found[trial.parent or 0])
    return found


def ordered(base: Trial, children: Mapping[int, Sequence[Trial]]) -> list[tuple[Trial, int]]:
    """Return (trial, depth), each trial followed by all that varies it."""
    found = []
    left = [(base, 0)]
    while left:
        trial, depth = left.pop()
        found.append((trial, depth))
        left += [(child, depth + 1) for child in reversed(children.get(trial.number, ()))]
    return found


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
