"""What proposers that ask a language model share. The optimiser drives: the heuristic and Optuna propose most trials
and fill in all numbers; the model is asked now and then, for at most its share of the trials, what *kind* of thing to
try next. A model alone in a fixed space loses to random search; with 30 % of an optimiser's trials it helps (Centaur,
arXiv:2603.24647).

An answer that does not fit goes back once, with all reasons, and costs no trial; the second one is refused like any
other proposal, and counts. Where it gives no answer, or the same one again, the heuristic goes on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from intern import llm, text
from intern.config import gate
from intern.overrides import PREFIX
from intern.proposers import HUGE, VARIES, Proposals, _prompt, heuristic, vetted
from intern.records import OPTIMISER, UNADVISED, Proposal, Trial
from intern.search import pace
from intern.search.history import counts
from intern.search.view import View
from intern.shape import entries, real, texts

PATIENCE = 3  # answers in a row that are errors; after them nobody is asked until the study is started again
LEAVE = "leave"  # the action that leaves the turn to the optimiser
BRIEF = 500  # characters of an answer that is shown to the model again


@dataclass
class Settings(llm.Settings, heuristic.Settings):
    """Fields under `proposer`."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the trials, and of the hours, that the language model may use; the rest is the heuristic's and
    Optuna's."""


def propose(view: View) -> Proposals:
    """Propose what the model says, if it is its turn and says something new that fits; else what the heuristic says."""
    proposal, told = None, ""
    for _ in range(2 if due(view) else 0):
        proposal, told = asked(view, told)
        if not told:
            break
    return (proposal,) if proposal else optimised(view)


def optimised(view: View) -> Proposals:
    """Return what the heuristic proposes, said to be its own."""
    return tuple(replace(proposal, by=OPTIMISER) for proposal in heuristic.propose(view))


def due(view: View) -> bool:
    """Return whether a trial in full is left of the model's share, and somebody answers. Trials count as the budget
    counts them: a cheap one as its part, a refused one too, whichever model thought of it."""
    counted = [trial for trial in view.trials if trial.by]
    own, every = (sum(map(counts, trials)) for trials in (models(view), counted))
    fits = own + 1 <= share(view) * (every + 1) and hours(view) > 0
    return fits and view.ask is not None and view.failures < PATIENCE


def models(view: View) -> list[Trial]:
    """Return the trials that a language model thought of."""
    return [trial for trial in view.trials if trial.by not in UNADVISED]


def share(view: View) -> float:
    """Return the model's share of the study."""
    given: float = getattr(view.settings, "share", 0.0)
    return given


def hours(view: View) -> float:
    """Return what is left of the model's share of the study's hours, or of all hours if that is less: no number of
    trials bounds how long one of them takes."""
    whole = view.history.seconds / 3600 + view.left.hours
    own = sum(trial.seconds or 0.0 for trial in models(view)) / 3600
    return min(share(view) * whole - own, view.left.hours)


def asked(view: View, told: str) -> tuple[Proposal | None, str]:
    """Return the model's proposal, and why it is none worth a trial; neither if it leaves the turn, or is silent."""
    assert view.ask
    value = view.ask(_prompt.question(view, told)).value
    if value is None or value.get("action") == LEAVE:
        return None, ""
    said = read(value, view)
    proposal = vetted(said, view)
    if proposal.faults:  # it is vetted again, like anybody's, and refused
        return said, f"Your proposal was refused: {gate.told(proposal.faults)}"
    fitted = pace.fitted(replace(view, left=replace(view.left, hours=hours(view))), proposal)
    if fitted is None or fitted.fidelity > view.left.trials:
        return None, f"Your proposal does not fit into what is left of the budget for yours: {brief(value)}"
    if not fitted.sweep and view.tried(fitted):
        return None, f"Your proposal was tried already, see the trials: {brief(value)}"
    return fitted, ""


def brief(value: Mapping[str, Any]) -> str:
    """Return an answer as one short line."""
    return text.one_line(json.dumps(value), BRIEF)


def read(value: Mapping[str, Any], view: View) -> Proposal:
    """Return an answer's value as a proposal that is still to be vetted: it may be anything that JSON can say."""
    action, parent = value.get("action"), value.get("parent")
    varied = view.trials[parent] if type(parent) is int and 0 <= parent < len(view.trials) else None
    overrides: Any = lines(value.get("overrides"))
    if varied is not None and action in VARIES:
        changed = [line.partition("=")[0].removeprefix(PREFIX) for line in overrides]
        overrides = [*view.own(varied).without([*texts(value.get("without")), *changed]).lines(), *overrides]
    ranges = entries(value.get("sweep")) if action == "sweep" else []
    within = [(one.get("key"), real(one.get("low"), HUGE), real(one.get("high"), HUGE)) for one in ranges]
    recipe = varied.recipe if varied is not None and action in VARIES else value.get("recipe")
    return Proposal(
        recipe,  # type: ignore[arg-type]
        overrides,
        action,  # type: ignore[arg-type]
        parent,
        view.seed if action != "repeat" else view.seed + 1 + len(view.trials),
        tuple(one.get("key") for one in ranges),  # type: ignore[misc]
        tuple(entry for entry in within if None not in entry),  # type: ignore[misc]
        fidelity=heuristic.CHEAP if value.get("cheap") is True else 1.0,
        hypothesis=value.get("hypothesis", ""),
        by=view.settings.name,
        expected=real(value.get("expected_gain"), HUGE),
        spread=real(value.get("uncertainty"), HUGE),
        evidence=tuple(texts(value.get("evidence"))),
    )


def lines(given: Any) -> list[str]:
    """Return an answer's overrides as lines, which the gate reads like anybody's."""
    return [f"{PREFIX}{one.get('key')}={one.get('value')}" for one in entries(given)]
