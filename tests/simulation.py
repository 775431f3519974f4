"""Whole studies without training, for test_proposers: a made-up function stands where a trial is trained and scored.

Everything else is the real thing: proposer, search with its journal, contract, incumbent."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from intern.config import contract
from intern.config.contract import Value
from intern.config.schema import Proposer, Recipe, flat
from intern.proposers import Proposals, View, heuristic
from intern.records import Diagnosis, Left, Proposal, Score, Trial, Verdict
from intern.search import sampler
from intern.stats import paired

COLLAPSE = Diagnosis("reward_collapse", "grpo", 12, "fell", (("recipe.grpo.learning_rate=0.0003",),))


def scored(dev: float) -> tuple[Score, ...]:
    """One task's score on dev."""
    return (Score("t", "dev", "exact_match", dev, 0.01, 400),)


BASE = Trial(0, "baseline", "COMPLETE", scores=scored(0.1))


def done(number: int, proposal: Proposal, dev: float | None, *overrides: str) -> Trial:
    """The proposal's trial, scored on dev, or failed; with overrides that a sweep filled in."""
    words = proposal.overrides + overrides
    trial = Trial(number, proposal.kind, "FAIL", proposal.parent, proposal.recipe, words, proposal.seed)
    trial = replace(trial, fidelity=proposal.fidelity)
    return trial if dev is None else replace(trial, state="COMPLETE", scores=scored(dev))


def one(found: Proposals) -> Proposal:
    """The only proposal."""
    (proposal,) = found
    return proposal


def simulated(
    folder: Path,
    recipes: Mapping[str, Recipe],
    dev: Callable[[dict[str, Value], float], float | Diagnosis],
    trials: int,
) -> list[Trial]:
    """A whole study, with this function of a trial's values and fidelity in place of training and scoring."""
    ledger = [BASE]
    while len(ledger) <= trials:
        best = paired.incumbent(ledger)
        seen = View(recipes, tuple(ledger), best, Left(9, 1.0), Proposer(name="heuristic"), (), seed=5)
        if not (found := heuristic.propose(seen)):
            break
        proposal = one(found)
        own, space = dict(flat(recipes[proposal.recipe])), sampler.Space.of(recipes[proposal.recipe])
        asked = {}
        if proposal.sweep:
            asked = sampler.ask(folder, proposal.recipe, space, proposal.sweep, ledger, 5, proposal.within)
        words = tuple(f"recipe.{key}={contract.show(value)}" for key, value in asked.items())
        trial = done(len(ledger), replace(proposal, overrides=tuple(sorted(proposal.overrides + words))), None)
        value = dev({**own, **parsed(trial, space.bounds)}, trial.fidelity)
        if isinstance(value, Diagnosis):
            trial = replace(trial, state="PRUNED", diagnosis=value)
        else:
            call = "keep" if value > best.mean("dev") + 0.02 else "undecided"
            trial = replace(
                trial, state="COMPLETE", scores=scored(value), verdict=Verdict(call, best.number, 9, 1, 0.02)
            )
            trial = replace(trial, recovery=trial.verdict if trial.kind == "remedy" else None)
        ledger.append(trial)
    return ledger


def parsed(trial: Trial, bounds: contract.Contract) -> dict[str, Value]:
    """The overrides as the gate reads them: raises ValueError outside the contract, KeyError outside its keys."""
    pairs = [word.removeprefix("recipe.").split("=") for word in trial.overrides]
    return {key: bounds[key].parse(text) for key, text in pairs}


def config_of(trial: Trial) -> tuple[object, ...]:
    """What makes two trials the same."""
    return trial.recipe, frozenset(trial.overrides), trial.seed, trial.fidelity


def learnt(values: dict[str, Value], fidelity: float) -> float | Diagnosis:
    """A dev score with its best at a learning rate of 2e-3; too large a one collapses."""
    rate = values["grpo.learning_rate"] or values["sft.learning_rate"]
    if rate >= 1e-2:
        lower = tuple((f"recipe.grpo.learning_rate={contract.show(rate * share)}",) for share in (0.1, 0.03))
        return replace(COLLAPSE, remedies=lower)
    bonus = 0.05 * (values["grpo.beta"] == 0.04) - 0.01 * bool(values["sft.learning_rate"])
    return (0.6 + bonus - 0.1 * abs(math.log10(rate / 2e-3))) * fidelity**0.3
