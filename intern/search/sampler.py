"""Optuna fills in the values of a sweep: one Optuna study per recipe, in a journal beside the ledger.

It is fed from the ledger, and so can be rebuilt from it; dev scores alone enter, so that the sampler sees
no test result. Look inside: `optuna-dashboard outputs/<study>/optuna.journal`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from intern.config import contract
from intern.config.contract import Contract, Value
from intern.config.schema import Recipe, flat
from intern.records import Trial
from intern.study import ledger

JOURNAL = "optuna.journal"
DRAWS = 20  # to find values that no trial had yet, nearby and then in the whole contract
STARTUP = 3  # trials before TPE models anything: a sweep here has few


@dataclass(frozen=True)
class Space:
    """One recipe's search space."""

    bounds: Contract
    """Its contract."""
    defaults: dict[str, Value | None]
    """Its own value of each contract key."""

    @classmethod
    def of(cls, recipe: Recipe) -> "Space":
        """The space that a recipe opens."""
        bounds, own = contract.read(recipe.tunable)[0], dict(flat(recipe))
        return cls(bounds, {key: own[key] for key in bounds})


def ask(
    folder: Path,
    recipe: str,
    space: Space,
    keys: Sequence[str],
    trials: Sequence[Trial],
    seed: int,
    within: Sequence[tuple[str, float, float]] = (),
    fidelity: float = 1.0,
) -> dict[str, Value]:
    """Values for `keys`, by TPE over what the recipe's trials scored on dev (arXiv:2304.11127).

    `within` narrows ranges, (key, low, high), as long as something new is found there. Trials of another fidelity say
    nothing here. The values are meant for the next trial of the ledger: the sampler is seeded by the number of trials
    so far, so that a coordinator that was killed after asking gets them again."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    narrow = {key: contract.narrowed(space.bounds[key], low, high) for key, low, high in within}
    alike = [trial for trial in trials if trial.fidelity == fidelity]
    study, known = load(folder, recipe), ended(recipe, space, alike)
    feed(study, known.values())
    sampler = optuna.samplers.TPESampler(seed=seed + len(trials), n_startup_trials=STARTUP)
    draft = optuna.create_study(sampler=sampler, direction="maximize")
    draft.add_trials(list(known.values()))  # not the study's: without its journal the same is asked
    tried = [values(trial, space).items() for trial in alike if trial.recipe == recipe]
    for draw in range(2 * DRAWS):
        asked = {key: replace(space.bounds[key], **narrow.get(key, {}) if draw < DRAWS else {}) for key in keys}
        space_asked = {key: distribution(domain) for key, domain in asked.items()}
        tidied = {key: contract.tidy(asked[key], value) for key, value in draft.ask(space_asked).params.items()}
        if not any(tidied.items() <= before for before in tried):
            break
    asked_for = {"params": tidied, "distributions": space_asked, "user_attrs": {"trial": len(trials)}}
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, **asked_for))  # one atomic entry
    return tidied


def load(folder: Path, recipe: str) -> Any:
    """The recipe's Optuna study in the journal, a line torn by a crash cut off."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    ledger.mend(folder / JOURNAL)
    (folder / f"{JOURNAL}.lock").unlink(missing_ok=True)  # left by a kill; the study's own lock keeps others out
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    return optuna.create_study(storage=storage, study_name=recipe, direction="maximize", load_if_exists=True)


def ended(recipe: str, space: Space, trials: Sequence[Trial]) -> dict[int, Any]:
    """The recipe's trials as Optuna's, by number: scored, or stopped by a diagnosis, which TPE ranks below those.

    A rollback's score is that of a checkpoint before the end, and says nothing of the trial's values."""
    import optuna

    State, found = optuna.trial.TrialState, {}
    for trial in trials:
        value = trial.mean("dev")
        stopped = value is None and trial.state == "PRUNED"
        if trial.recipe == recipe and trial.kind not in ("confirm", "rollback") and (stopped or value is not None):
            params = {key: v for key, v in values(trial, space).items() if v is not None}
            found[trial.number] = optuna.trial.create_trial(
                state=State.PRUNED if stopped else State.COMPLETE,
                value=value,
                params=params,
                distributions={key: distribution(space.bounds[key]) for key in params},
                user_attrs={"trial": trial.number},
            )
    return found


def feed(study: Any, known: Collection[Any]) -> None:
    """Tell what was asked and has ended, give back what never ran, add what other proposers tried."""
    import optuna

    State = optuna.trial.TrialState
    by_number = {trial.user_attrs["trial"]: trial for trial in known}
    for asked in study.get_trials(deepcopy=False, states=(State.RUNNING,)):
        trial = by_number.get(asked.user_attrs.get("trial", -1))
        if trial is not None and asked.params.items() <= trial.params.items():
            study.tell(asked.number, trial.value, state=trial.state)
        else:
            study.tell(asked.number, state=State.FAIL)
    told = study.get_trials(deepcopy=False, states=(State.COMPLETE, State.PRUNED))
    seen = {trial.user_attrs.get("trial") for trial in told}
    study.add_trials([trial for number, trial in by_number.items() if number not in seen])


def values(trial: Trial, space: Space) -> dict[str, Value | None]:
    """A trial's value of every contract key: the recipe's own, or what the trial's overrides say."""
    found = {key: space.defaults[key] for key in space.bounds}
    for word in trial.overrides:
        key, text = contract.split(word)
        if key in space.bounds:
            try:
                found[key] = space.bounds[key].parse(text)
            except ValueError:
                found[key] = None  # a pin outside the contract: the person's right, but not the sampler's space
    return found


def distribution(domain: contract.Range | contract.Choices) -> Any:
    """Optuna's distribution of one contract key."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(domain, contract.Choices):
        return CategoricalDistribution(domain.options)
    if domain.kind is int:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
