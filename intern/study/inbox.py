"""Proposals that somebody else lays into a study's folder, one JSON file each: a person's agent does. The study takes
them, in order, before it asks its proposer, and vets them as it does anybody's.

The ledger's line of the trial, or of the refusal, names the file: what it names is never taken twice, whenever the
study is killed.
"""

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from intern import damage, proposers, records
from intern.files import write_whole
from intern.records import Proposal
from intern.search.view import View
from intern.study import budget

FOLDER = "inbox"
MOST = 20  # proposals that may wait
LARGEST = 100_000  # bytes of a file; the longest honest one has some hundreds
AGENT = "agent"  # who thought of what lies there


def put(study: Path, proposal: Proposal) -> str:
    """Lay a proposal into a study's folder; return its name there."""
    folder = study / FOLDER
    folder.mkdir(exist_ok=True)
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    write_whole(folder / f"{name}.json", records.dump_set(proposal))
    return name


def waiting(study: Path, taken: Mapping[str, int]) -> list[str]:
    """Return the names of the proposals that wait, the first first.

    Args:
        study: the study's folder.
        taken: name → trial, of those that the ledger has.
    """
    names = sorted(path.stem for path in (study / FOLDER).glob("*.json"))
    return [name for name in names if name not in taken]


def drop(study: Path, name: str) -> None:
    """Remove a proposal that the ledger has."""
    with suppress(OSError):  # it is never taken again, whether or not it lies there
        (study / FOLDER / f"{name}.json").unlink(missing_ok=True)


def read(study: Path, name: str, view: View) -> Proposal:
    """Return a proposal that waits, vetted as the study stands now; a file that holds none is one with a fault."""
    path = study / FOLDER / f"{name}.json"
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST} bytes")
        given = records.load(Proposal, damage.value(path.read_bytes()))
    except (*damage.FAULTS, OSError) as error:
        told = proposers.refused({}, [f"{FOLDER}/{path.name} is no proposal: {damage.told(error)}"])
        return replace(told, by=AGENT)
    return vetted(given, view)


def vetted(given: Proposal, view: View) -> Proposal:
    """Return an agent's proposal as one whose every field can be relied on, with all of its faults: also that it was
    tried already, or that the budget does not suffice for it."""
    proposal = replace(proposers.vetted(given, view), by=AGENT)
    if proposal.faults:
        return proposal
    faults = []
    if not proposal.sweep and view.tried(proposal):
        faults.append("this config was tried already with this seed and fidelity: see the ledger")
    tried = view.history.of_recipe(proposal.recipe)
    if lack := view.left.lack(proposal.fidelity) or budget.too_short(view.left, proposal, view.trials, tried):
        faults.append(f"budget: {lack}")
    return proposers.refused(records.dump(proposal) | {"overrides": proposal.overrides}, faults) if faults else proposal
