"""What proposers that ask a language model share. The optimiser drives: the heuristic and Optuna propose most trials
and fill in all numbers; the model is asked now and then, for at most its share of the trials, what *kind* of thing to
try next. A model alone in a fixed space loses to random search; with 30 % of an optimiser's trials it helps (Centaur,
arXiv:2603.24647).

Its answer is refused like any other proposal if it does not fit; it is then asked once more, with all reasons. Where it
gives no answer, or the same one again, the heuristic goes on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from intern import llm, text
from intern.overrides import PREFIX
from intern.proposers import HUGE, VARIES, Proposals, _prompt, heuristic, vetted
from intern.records import OPTIMISER, Proposal
from intern.search import pace
from intern.search.view import View
from intern.shape import entries, real, texts

PATIENCE = 3  # answers in a row that are errors; after them nobody is asked until the study is started again
LEAVE = "leave"  # the action that leaves the turn to the optimiser
BRIEF = 500  # characters of an answer that is shown to the model again


@dataclass
class Settings(llm.Settings, heuristic.Settings):
    """Fields under `proposer`."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the trials that the language model may propose; the rest is the heuristic's and Optuna's."""


def propose(view: View) -> Proposals:
    """Propose what the model says, if it is its turn and says something new that fits; else what the heuristic says."""
    name = view.settings.name
    told = again(view, name)
    if due(view, name) or told:
        for _ in range(2):
            proposal, fault = asked(view, told)
            if proposal or not fault:
                return (proposal,) if proposal else optimised(view)
            told = fault
    return optimised(view)


def optimised(view: View) -> Proposals:
    """Return what the heuristic proposes, said to be its own."""
    return tuple(replace(proposal, by=OPTIMISER) for proposal in heuristic.propose(view))


def due(view: View, name: str) -> bool:
    """Return whether the model has a trial left of its share, and somebody answers."""
    counted = [trial for trial in view.trials if trial.by]
    own = sum(trial.by == name for trial in counted)
    share = getattr(view.settings, "share", 0.0)
    return view.ask is not None and view.failures < PATIENCE and own + 1 <= share * (len(counted) + 1)


def again(view: View, name: str) -> str:
    """Return why the model's last proposal was refused, if it was not told before; else nothing."""
    last = view.trials[-1]
    if view.ask is None or last.state != "REJECTED" or last.by != name or view.failures >= PATIENCE:
        return ""
    before = view.trials[-2]
    return "" if before.state == "REJECTED" and before.by == name else f"Your last proposal was refused: {last.reason}"


def asked(view: View, told: str) -> tuple[Proposal | None, str]:
    """Return the model's proposal, or why it is none worth a trial; neither if it leaves the turn, or is silent."""
    assert view.ask
    value = view.ask(_prompt.question(view, told)).value
    if value is None or value.get("action") == LEAVE:
        return None, ""
    said = read(value, view)
    proposal = vetted(said, view)
    if proposal.faults:
        return said, ""  # it is vetted again, like anybody's, and refused
    fitted = pace.fitted(view, proposal)
    if fitted is None or fitted.fidelity > view.left.trials:
        return None, f"Your proposal does not fit into what is left of the budget: {brief(value)}"
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
