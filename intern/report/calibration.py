"""What a language model's share of a study was worth: what it proposed and what was kept of it, the gain that it
foretold beside the gain that was measured, and what its answers cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from intern.records import UNADVISED, Trial
from intern.study.reader import Reader

WITHIN = 2.0  # of its own standard deviations: 95 of 100 gains should lie there, if these are right


@dataclass(frozen=True)
class Foretold:
    """A trial whose gain was foretold, and measured."""

    trial: int
    """Its number."""
    expected: float
    """The gain on dev that was foretold, over the incumbent of its time."""
    spread: float
    """The standard deviation of that."""
    measured: float
    """The gain that was measured."""

    @property
    def within(self) -> bool:
        """Whether the measured gain lies where it was foretold to lie."""
        return abs(self.measured - self.expected) <= WITHIN * self.spread


def proposed(study: Reader) -> list[Trial]:
    """Return the trials that a language model proposed."""
    return [trial for trial in study.trials if trial.by not in UNADVISED]


def foretold(study: Reader) -> list[Foretold]:
    """Return what was foretold and measured, for each trial of which both are known."""
    found = []
    for trial in proposed(study):
        ours, verdict = trial.mean("dev"), trial.verdict
        theirs = study.trials[verdict.against].mean("dev") if verdict else None
        if ours is not None and theirs is not None and trial.expected is not None:
            found.append(Foretold(trial.number, trial.expected, trial.spread or 0.0, ours - theirs))
    return found


def lines(study: Reader) -> list[str]:
    """Return what a person should know of it; nothing if no language model was asked."""
    answers = study.ledger.answers
    if not answers:
        return []
    own = proposed(study)
    kept = [trial for trial in own if trial.verdict and trial.verdict.call == "keep"]
    refused = sum(trial.state == "REJECTED" for trial in own)
    counted = sum(bool(trial.by) for trial in study.trials)
    told = [
        f"The language model proposed {len(own)} of {counted} trials: {len(kept)} kept, {refused} refused",
        *cost(study, kept),
    ]
    return [*told, *beside(foretold(study))]


def cost(study: Reader, kept: Sequence[Trial]) -> list[str]:
    """Return what the answers cost, and each point that was kept."""
    answers = study.ledger.answers
    tokens = sum(answer.tokens_in + answer.tokens_cached + answer.tokens_out for answer in answers)
    dollars = sum(answer.dollars for answer in answers)
    failed = sum(bool(answer.error) for answer in answers)
    told = f"  {len(answers)} answers, {failed} of them none; {tokens:,} tokens, {dollars:.2f} dollars"
    points = 0.0
    for trial in kept:
        assert trial.verdict
        gain = (trial.mean("dev") or 0.0) - (study.trials[trial.verdict.against].mean("dev") or 0.0)
        points += 100 * max(gain, 0.0)
    return [told + (f"; {dollars / points:.3f} dollars a kept point" if points else "")]


def beside(known: Sequence[Foretold]) -> list[str]:
    """Return how what was foretold stands beside what was measured."""
    if not known:
        return []
    expected = 100 * sum(one.expected for one in known) / len(known)
    measured = 100 * sum(one.measured for one in known) / len(known)
    inside = sum(one.within for one in known)
    return [
        f"  gain foretold {expected:+.1f} points, measured {measured:+.1f}, on average over {len(known)} trials; "
        f"{inside} of them within {WITHIN:g} of its standard deviations"
    ]
