"""Optuna fills in the values of a sweep: one Optuna study per recipe, in a journal beside the ledger.

It is fed from the ledger, and so can be rebuilt from it; dev scores alone enter, so that it sees no test result. Look
inside: `optuna-dashboard outputs/<study>/optuna.journal`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern import damage, files
from intern.config.contract import Choices, Contract, Domain
from intern.config.schema import Recipe
from intern.overrides import Overrides, Value
from intern.records import Proposal, Trial

JOURNAL = "optuna.journal"
DRAWS = 20  # to find values that no trial had yet, nearby and then in the whole contract
STARTUP = 3  # trials before TPE models anything: a sweep here has few


@dataclass(frozen=True)
class Space:
    """One recipe's search space."""

    bounds: Contract
    """Its contract."""
    defaults: Mapping[str, Value | None]
    """Its own value of each contract key."""

    @classmethod
    def of(cls, recipe: Recipe) -> "Space":
        """Return the space that a recipe opens."""
        return cls(recipe.contract, {key: recipe.value(key) for key in recipe.contract})

    def values(self, overrides: Overrides) -> dict[str, Value | None]:
        """Return a trial's value of every contract key: the recipe's own, or what the trial's overrides say; None if
        that is unset, or outside the contract: a person may pin a value there, but it is not in the sampler's space."""
        values = dict(self.defaults)
        for key, value in overrides.items():
            domain = self.bounds.get(key)
            if domain is not None:
                try:
                    values[key] = domain.check(value)
                except ValueError:
                    values[key] = None
        return values


def ask(folder: Path, recipe: Recipe, proposal: Proposal, trials: Sequence[Trial], seed: int) -> Overrides:
    """Return values for the keys that a proposal leaves open, by TPE over dev scores (arXiv:2304.11127).

    `proposal.within` narrows ranges as long as something new is found there. Trials of another fidelity say nothing
    here. The values are meant for the next trial of the ledger: the sampler is seeded by the number of trials so far,
    so that a coordinator that was killed after asking gets them again.

    Args:
        folder: the study's folder.
        recipe: the proposal's recipe, whose contract is the search space.
        proposal: names the recipe, the keys to fill in and the fidelity.
        trials: the ledger; those under way are taken to be tried.
        seed: the study's seed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = Space.of(recipe)
    alike = [t for t in trials if t.recipe == proposal.recipe and t.fidelity == proposal.fidelity and not t.void]
    study = load(folder, proposal.recipe)
    known = ended(space, alike)
    under_way = {t.number for t in alike if t.state == "RUNNING"}
    feed(study, known.values(), under_way)
    sampler = optuna.samplers.TPESampler(seed=seed + len(trials), n_startup_trials=STARTUP)
    draft = optuna.create_study(sampler=sampler, direction="maximize")
    draft.add_trials(list(known.values()))  # not the study's: without its journal the same is asked
    tried = [space.values(t.overrides).items() for t in alike]
    values, distributions = draw(draft, space, proposal, tried)
    attributes = {"trial": len(trials)}
    running = optuna.trial.TrialState.RUNNING
    entry = optuna.trial.create_trial(state=running, params=values, distributions=distributions, user_attrs=attributes)
    study.add_trial(entry)  # one atomic entry
    return Overrides(values)


def draw(draft: Any, space: Space, proposal: Proposal, tried: Sequence[Any]) -> tuple[dict[str, Value], dict[str, Any]]:
    """Return values that no trial had, nearby if there are some, and the distributions that they were drawn from."""
    whole = {key: space.bounds[key] for key in proposal.sweep}
    near = whole | {key: space.bounds[key].between(low, high) for key, low, high in proposal.within}
    for attempt in range(2 * DRAWS):
        domains = near if attempt < DRAWS else whole
        distributions = {key: distribution(domains[key]) for key in proposal.sweep}
        values = {key: domains[key].tidy(value) for key, value in draft.ask(distributions).params.items()}
        if not any(values.items() <= before for before in tried):
            break
    return values, distributions


def load(folder: Path, recipe: str) -> Any:
    """Return the recipe's Optuna study in the journal; a line torn by a crash is cut off.

    Raises:
        UserError: if the journal is damaged.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    files.mend(folder / JOURNAL)
    (folder / f"{JOURNAL}.lock").unlink(missing_ok=True)  # left by a kill; the study's own lock keeps others out
    with damage.noticed(folder / JOURNAL):
        storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
        return optuna.create_study(storage=storage, study_name=recipe, direction="maximize", load_if_exists=True)


def ended(space: Space, trials: Sequence[Trial]) -> dict[int, Any]:
    """Return a recipe's trials as Optuna's, by number: scored, or stopped by a rule, which TPE ranks below those.

    A rollback's score is that of a checkpoint before the end, and says nothing of the trial's values."""
    import optuna

    by_number = {}
    for trial in trials:
        value = trial.mean("dev")
        stopped = value is None and trial.state == "PRUNED"
        if trial.kind in ("confirm", "rollback") or not (stopped or value is not None):
            continue
        params = {key: v for key, v in space.values(trial.overrides).items() if v is not None}
        by_number[trial.number] = optuna.trial.create_trial(
            state=optuna.trial.TrialState.PRUNED if stopped else optuna.trial.TrialState.COMPLETE,
            value=value,
            params=params,
            distributions={key: distribution(space.bounds[key]) for key in params},
            user_attrs={"trial": trial.number},
        )
    return by_number


def feed(study: Any, known: Collection[Any], under_way: Collection[int] = ()) -> None:
    """Tell Optuna of drawn trials that have ended, fail those that never ran, add what other proposers tried.

    Args:
        study: the Optuna study.
        known: Optuna's view of the trials that have ended.
        under_way: numbers of trials that still run, whose values stay asked for.
    """
    import optuna

    State = optuna.trial.TrialState
    by_number = {trial.user_attrs["trial"]: trial for trial in known}
    for open_trial in study.get_trials(deepcopy=False, states=(State.RUNNING,)):
        number = open_trial.user_attrs.get("trial", -1)
        trial = by_number.get(number)
        if trial is not None and open_trial.params.items() <= trial.params.items():
            study.tell(open_trial.number, trial.value, state=trial.state)
        elif number not in under_way:
            study.tell(open_trial.number, state=State.FAIL)
    told = study.get_trials(deepcopy=False, states=(State.COMPLETE, State.PRUNED))
    seen = {trial.user_attrs.get("trial") for trial in told}
    study.add_trials([trial for number, trial in by_number.items() if number not in seen])


def distribution(domain: Domain) -> Any:
    """Return Optuna's distribution of one contract key."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(domain, Choices):
        return CategoricalDistribution(domain.options)
    if domain.kind is int:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
