"""Whole studies without training, for test_proposers: a made-up function stands where a trial is trained and scored.

Everything else is the real thing: proposer, search with its journal, contract, incumbent."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from intern.config import typed
from intern.config.contract import Contract
from intern.config.schema import Proposer, Recipe, flat
from intern.overrides import Overrides
from intern.proposers import Proposals, heuristic
from intern.records import Diagnosis, Left, Proposal, Score, Trial, Verdict
from intern.search import sampler
from intern.search.history import History
from intern.search.view import View

NONE, SLOW = Overrides(), Overrides({"grpo.learning_rate": 0.0003})
COLLAPSE = Diagnosis("reward_collapse", "grpo", 12, "fell", (SLOW,))


def scored(dev: float) -> tuple[Score, ...]:
    """One task's score on dev."""
    return (Score("t", "dev", "exact_match", dev, 0.01, 400),)


BASE = Trial(0, "baseline", "COMPLETE", scores=scored(0.1))


def done(number: int, proposal: Proposal, dev: float | None, *found: Overrides) -> Trial:
    """The proposal's trial, scored on dev, or failed; with overrides that a sweep filled in."""
    own = proposal.overrides
    for more in found:
        own |= more
    trial = Trial(number, proposal.kind, "FAIL", proposal.parent, proposal.recipe, own, proposal.seed)
    trial = replace(trial, fidelity=proposal.fidelity)
    return trial if dev is None else replace(trial, state="COMPLETE", scores=scored(dev))


def one(found: Proposals) -> Proposal:
    """The only proposal."""
    (proposal,) = found
    return proposal


def settings(**given: int) -> Proposer:
    """The heuristic's settings."""
    made: Proposer = typed.extended(Proposer, "proposers", "heuristic")(name="heuristic", **given)
    return made


def simulated(
    folder: Path,
    recipes: Mapping[str, Recipe],
    dev: Callable[[dict[str, Any], float], float | Diagnosis],
    trials: int,
) -> list[Trial]:
    """A whole study, with this function of a trial's values and fidelity in place of training and scoring."""
    ledger, history = [BASE], History([BASE])
    while len(ledger) <= trials:
        best = history.incumbent
        found = heuristic.propose(View(recipes, history, Left(9, 1.0), settings(), {}, seed=5))
        if not found:
            break
        proposal = one(found)
        recipe = recipes[proposal.recipe]
        asked = sampler.ask(folder, recipe, proposal, ledger, 5) if proposal.sweep else NONE
        trial = done(len(ledger), proposal, None, asked)
        value = dev({**dict(flat(recipe)), **checked(trial, recipe.contract)}, trial.fidelity)
        if isinstance(value, Diagnosis):
            trial = replace(trial, state="PRUNED", diagnosis=value)
        else:
            call = "keep" if value > best.mean("dev") + 0.02 else "undecided"
            trial = replace(
                trial, state="COMPLETE", scores=scored(value), verdict=Verdict(call, best.number, 9, 1, 0.02)
            )
            trial = replace(trial, recovery=trial.verdict if trial.kind == "remedy" else None)
        ledger.append(trial)
        history.put(trial)
    return ledger


def checked(trial: Trial, bounds: Contract) -> dict[str, Any]:
    """The overrides as the gate takes them: raises ValueError outside the contract, KeyError outside its keys."""
    return {key: bounds[key].check(value) for key, value in trial.overrides.items()}


def config_of(trial: Trial) -> tuple[object, ...]:
    """What makes two trials the same."""
    return trial.recipe, trial.overrides, trial.seed, trial.fidelity


def learnt(values: dict[str, Any], fidelity: float) -> float | Diagnosis:
    """A dev score with its best at a learning rate of 2e-3; too large a one collapses."""
    rate = values.get("grpo.learning_rate") or values["sft.learning_rate"]
    if rate >= 1e-2:
        lower = tuple(Overrides({"grpo.learning_rate": rate * share}) for share in (0.1, 0.03))
        return replace(COLLAPSE, remedies=lower)
    bonus = 0.05 * (values.get("grpo.beta") == 0.04) - 0.01 * bool(values.get("sft.learning_rate"))
    return (0.6 + bonus - 0.1 * abs(math.log10(rate / 2e-3))) * fidelity**0.3
