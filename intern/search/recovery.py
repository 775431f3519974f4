"""What follows a diagnosis: its remedies as competing trials, each restarting the stopped stage from that stage's
own input; which of them held, and by how much.

A remedy holds when its trial runs to the end and beats the checkpoint that entered the stopped stage, item by
item on dev. Where the best has a number, Optuna looks once more around it."""

from collections.abc import Iterator, Sequence

from intern.config import contract
from intern.config.contract import Range
from intern.config.schema import flat
from intern.proposers import View
from intern.records import Proposal, Trial
from intern.stats import paired

ROUNDS = 2  # a remedy that is stopped may have remedies of its own; theirs would be a search of another kind
SECOND = 2  # remedies of a remedy that are tried
TRAINING = ("sft", "grpo")


def remedies(view: View) -> Iterator[Proposal]:
    """For each stopped trial its remedies, then one refinement; a sweep goes on by itself instead."""
    for stopped in view.trials:
        found = stopped.diagnosis
        if found is None or stopped.kind in ("sweep", "ablate") or stopped.recipe not in view.recipes:
            continue
        before = line(stopped, view.trials)
        if len(before) >= ROUNDS or any(held(earlier, view.trials) for earlier in before):
            continue
        for words in found.remedies:
            if before and len(remedies_of(stopped, view.trials)) >= SECOND:
                break
            if not view.pinned.isdisjoint(contract.split(word)[0] for word in words):
                continue  # the gate would refuse it
            why = f"{found.rule} at step {found.step}: {', '.join(words)}"
            yield attempt(view, stopped, replaced(view, stopped, words), hypothesis=why)
        yield from refinement(view, stopped)


def attempt(view: View, stopped: Trial, overrides: tuple[str, ...], **more: object) -> Proposal:
    """A remedy's trial: the stopped one with other overrides."""
    return Proposal(
        stopped.recipe, overrides, "remedy", stopped.number, stopped.seed, fidelity=stopped.fidelity, **more
    )


def refinement(view: View, stopped: Trial) -> Iterator[Proposal]:
    """One trial of Optuna's around the remedy that held, if it changed a number: half-way to the value that failed."""
    best, tried = held(stopped, view.trials), remedies_of(stopped, view.trials)
    fixed = [{*view.pins, *replaced(view, stopped, words)} for words in stopped.diagnosis.remedies]
    if best is None or any(set(t.overrides) not in fixed for t in tried):
        return
    words = set(view.own(best)) - set(view.own(stopped))
    key, text = contract.split(next(iter(words)))
    domain = contract.read(view.recipes[stopped.recipe].tunable)[0][key]
    if isinstance(domain, Range) and domain.log:
        own, good = dict(flat(view.recipes[stopped.recipe])), float(text)
        failed = dict(map(contract.split, stopped.overrides)).get(key, own[key])
        bad = float(failed) if failed is not None else None
        low, high = sorted((good * good / bad, (good * bad) ** 0.5)) if bad else (domain.low, domain.high)
        kept = tuple(word for word in view.own(best) if word not in words)
        why = f"around {key}={text}, which held"
        yield attempt(view, stopped, kept, hypothesis=why, sweep=(key,), within=((key, low, high),))


def replaced(view: View, trial: Trial, words: tuple[str, ...]) -> tuple[str, ...]:
    """The trial's own overrides with some of them replaced."""
    own = {word.partition("=")[0]: word for word in view.own(trial)}
    return tuple(sorted({**own, **{word.partition("=")[0]: word for word in words}}.values()))


def line(trial: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """The stopped trials that this one was to mend, the nearest first."""
    by_number, found = {t.number: t for t in trials}, []
    while trial.kind == "remedy" and trial.parent is not None:
        trial = by_number[trial.parent]
        found.append(trial)
    return found


def remedies_of(stopped: Trial, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials that tried to mend a stopped one."""
    return tuple(t for t in trials if t.kind == "remedy" and t.parent == stopped.number)


def held(stopped: Trial, trials: Sequence[Trial]) -> Trial | None:
    """The remedy that held, the best on dev where several did; each is judged at its share of the level, since they
    are picked from several on the same items (Bonferroni)."""
    level = paired.LEVEL / max(1, len(stopped.diagnosis.remedies))
    judged = [t for t in remedies_of(stopped, trials) if t.recovery and t.recovery.call == "keep"]
    good = [t for t in judged if t.recovery.p < level]
    return max(good, key=lambda t: t.mean("dev") or 0.0, default=None)


def stages_before(stopped: Trial, stages: Sequence[str]) -> tuple[str, ...]:
    """The recipe's stages that had ended when one was stopped, if a checkpoint came of them; else none."""
    before = tuple(stages[: stages.index(stopped.diagnosis.stage)])
    return before if set(before) & set(TRAINING) else ()
