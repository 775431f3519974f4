"""Proposers, one per file. A module states

propose    View → the proposals to try next, computed afresh each time, so that any process can continue a study; none
           left means that there is nothing more to try
Settings   a dataclass of fields that a person sets under `proposer` (optional)
ask        (settings, question, how many were asked before) → the answer of its language model (optional)

Whatever a proposer returns is vetted here as a whole: it may be what a language model wrote. What cannot be tried comes
back as a proposal with faults, in a form that the ledger can keep; it is refused, and counts.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from intern import plugins, records, text
from intern.config import gate
from intern.config.contract import Contract, Domain, Range
from intern.errors import UserError, quote, unknown
from intern.llm import Answer, Question
from intern.overrides import PREFIX, Overrides, Value
from intern.records import Proposal
from intern.search.view import View

Proposals = tuple[Proposal, ...]
MOST = 100  # proposals of one answer; the rest is asked for again
WORDS = 500  # characters of a hypothesis
VARIES = ("remedy", "ablate", "repeat")  # kinds that vary an earlier trial
HUGE = 1e300  # nothing that is honest is larger, and what is not finite is not smaller


def propose(name: str, view: View) -> Proposals:
    """Return what the proposer of that name wants tried next; whatever it does, it is a fault of a proposal.

    Raises:
        UserError: if the proposer says that a person has to change something.
    """
    module = plugins.load("proposers", name)
    try:
        answer = module.propose(view)
        if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
            return (refused({}, [f"the proposer {name} returned {quote(answer)}: a tuple of Proposals is needed"]),)
        return tuple(vetted(given, view) for given in islice(answer, MOST))
    except UserError:
        raise
    except Exception as error:  # the border to a plug-in
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return (refused({}, [f"the proposer {name} failed at {place}: {type(error).__name__}: {quote(str(error))}"]),)


def source(name: str) -> Callable[[Any, Question, int], Answer] | None:
    """Return what answers a proposer's questions; None if it asks none."""
    asks: Callable[[Any, Question, int], Answer] | None = getattr(plugins.load("proposers", name), "ask", None)
    return asks


def vetted(given: object, view: View) -> Proposal:
    """Return a proposal whose every field can be relied on: the one that is given, or one with all of its faults.

    Its overrides may also be lines of text, `recipe.KEY=VALUE`."""
    if not isinstance(given, Proposal):
        return refused({}, [f"{quote(given)} is no Proposal"])
    values = {f.name: getattr(given, f.name, None) for f in fields(Proposal)}
    values |= {"overrides": Overrides(), "faults": ()}
    if isinstance(values["evidence"], list | tuple):
        texts = [one for one in values["evidence"] if isinstance(one, str)]
        values["evidence"] = tuple(text.one_line(one, gate.LONGEST) for one in texts)
    if isinstance(values["hypothesis"], str):
        values["hypothesis"] = text.one_line(values["hypothesis"], WORDS)
    fit, faults = fitting(values)
    pairs, check, more = pairs_of(given.overrides)
    faults += more
    if unfit := parent_faults(fit, view):
        faults += unfit
        fit["parent"] = None
    name = fit.get("recipe")
    if recipe := view.recipes.get(name or ""):
        contract, pinned = recipe.contract, view.pinned(name)
        fit["overrides"], more = gate.bounded(pairs, contract, pinned, check)
        faults += [*more, *sweep_faults(fit, contract, pinned)]
    elif name is not None:
        faults.append(unknown("recipe", quote(name)[1:-1], view.recipes))
    return refused({**fit, "overrides": safe(pairs)}, faults) if faults else records.load(Proposal, fit)


def fitting(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields that are of their type and in their range, and why the others are not."""
    try:
        records.load(Proposal, values)
    except ValidationError as error:
        wrong = [(one["loc"][0], one["input"], one["msg"].removeprefix("Input ")) for one in error.errors()]
        unfit = {name for name, _, _ in wrong}
        reasons = [f"{name}: {quote(value)} {why}" for name, value, why in wrong[: gate.MOST]]
        return {key: value for key, value in values.items() if key not in unfit}, reasons
    return dict(values), []


def pairs_of(overrides: Any) -> tuple[Mapping[Any, Any], Callable[[Domain, Any], Value], list[str]]:
    """Return (key → value, what checks a value, faults) of overrides: a mapping of values, or lines of text."""
    if isinstance(overrides, Mapping):
        return overrides, lambda domain, value: domain.check(value), []
    if not isinstance(overrides, list | tuple):
        return {}, lambda domain, value: value, [f"overrides: {quote(overrides)} is neither a mapping nor a list"]
    lines, reasons = gate.read(overrides)
    pairs = {key.removeprefix(PREFIX): value for key, value in lines.items()}
    return pairs, lambda domain, value: domain.parse(value), reasons


def parent_faults(fit: Mapping[str, Any], view: View) -> list[str]:
    """Say why the trial that a proposal varies cannot be that."""
    kind, parent = fit.get("kind"), fit.get("parent")
    if parent is None:
        lacks = kind in VARIES and "parent" in fit
        return [f"parent: a proposal of kind {kind} names the trial that it varies"] if lacks else []
    if parent >= len(view.trials):
        return [f"parent: {quote(parent)} is no trial; the last is {len(view.trials) - 1}"]
    if kind == "remedy" and view.trials[parent].diagnosis is None:
        return [f"parent: no rule has stopped trial {parent}, which a proposal of kind remedy has to mend"]
    return []


def sweep_faults(fit: Mapping[str, Any], contract: Contract, pinned: Overrides) -> list[str]:
    """Return why keys cannot be swept, or not between the bounds that are given for them."""
    sweep, within = fit.get("sweep", ()), fit.get("within", ())
    faults = [f"sweep: {gate.not_in_contract(key, contract)}" for key in sweep if key not in contract]
    faults += [f"sweep: {PREFIX}{key}: {gate.PINNED}" for key in sweep if key in pinned]
    faults += [f"sweep: {quote(key)} is given twice" for key in {key for key in sweep if sweep.count(key) > 1}]
    for key, low, high in within:
        domain = contract.get(key) if key in sweep else None
        if not isinstance(domain, Range):
            faults.append(f"within: {quote(key)} is no key of `sweep` with a range")
        elif not low < high or high < domain.low or low > domain.high:
            faults.append(f"within: {key}: {low:g} to {high:g} is no part of the legal values, {domain}")
    return faults


def refused(fit: Mapping[str, Any], faults: Sequence[str]) -> Proposal:
    """Return a proposal that says why it cannot be tried; of its own it has what the ledger can keep."""
    names = ("overrides", "kind", "parent", "seed", "fidelity", "hypothesis", "by")
    kept = {name: fit[name] for name in names if name in fit}
    return Proposal(text.one_line(fit.get("recipe", ""), gate.LONGEST), **kept, faults=gate.refused(faults).reasons)


def safe(pairs: Mapping[Any, Any]) -> Overrides:
    """Return overrides, whatever they are, as ones that can be written down and read back."""
    kept = {}
    for key, value in islice(pairs.items(), gate.MOST):
        name = key if key and isinstance(key, str) and plain(key) else quote(key)
        kept[name.replace("=", "?")] = value if plain(value) else quote(value)
    return Overrides(kept)


def plain(value: Any) -> bool:
    """Return whether a key or value is one that can be kept as it is: nothing long, unprintable or infinite."""
    if type(value) is str:
        return len(value) <= gate.LONGEST and value.isprintable()
    return value is None or type(value) is bool or (type(value) in (int, float) and abs(value) < HUGE)
