"""A study's identity: its folder belongs to one goal, one base model and the recipes as they were first used.

All are compared by content when a study is continued; budget, proposer and compute may change.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from intern import checkpoints, damage, files
from intern.config.gate import Scope
from intern.config.library import Library
from intern.config.schema import Goal, Model
from intern.config.values import decisive
from intern.data import checks, items, splits, tokens
from intern.data import folder as folders
from intern.errors import UserError
from intern.stats import paired
from intern.text import as_lines
from intern.trial.job import Input
from intern.trial.store import LocalStore

FILE = "study.json"
PLACES = ("path", "data_dir")  # of goal and model: their contents are hashed instead
HASHES = ("model_hash", "data_hash", "items_hash")
KEYS = ("goal", "model", "pins", "recipes", *HASHES)  # of the study's file
FEW = 20  # dev items below which a person is told how much a paired test can prove
Tree = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What every trial of a study starts from."""

    base: Input
    """The untouched base model."""
    items: Input
    """The goal's items."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What a person should know of items that were written just now."""


def identify(folder: Path, scope: Scope, store: LocalStore, commits: Mapping[str, str] | None = None) -> Inputs:
    """Return what the study's trials start from, kept in the store.

    Args:
        folder: the study's.
        scope: what it may try.
        store: where outputs are kept.
        commits: of the Hub data sets of its recipes, kept for when it goes on.

    Raises:
        UserError: if the folder belongs to another goal, model or set of pins.
    """
    config = scope.config
    items_hash, notes = materialised(config.goal, config.model, folder, store)
    base = base_input(config.model, store)
    mine = {
        "goal": compared(config.goal),
        "model": compared(config.model),
        "base": Path(config.model.path).resolve().name if Path(config.model.path).is_dir() else config.model.path,
        "model_hash": base.hash,
        "items_hash": items_hash,
        "data_hash": data_hash(config.goal),
        "pins": None if config.proposer.name == "fixed" else pins(scope),
    }
    path = folder / FILE
    known = recorded(folder) or {**mine, "recipes": {}}
    if changed := differences(known, mine):
        what = [f"Study {folder} was begun with something else:", *changed]
        raise UserError(as_lines([*what, "Undo the change, or start another study with study=NAME."]))
    kept = {"commits": {**known.get("commits", {}), **commits}} if commits else {}
    files.write_whole(path, {**known, "pins": known["pins"] if mine["pins"] is None else mine["pins"], **kept})
    return Inputs(base, Input(items_hash, "store", f"items-{items_hash[:16]}"), tuple(notes))


def begun(folder: Path) -> Tree:
    """Return the goal that a study began with, as it was compared; {} if nothing was begun."""
    goal: Tree = recorded(folder).get("goal", {})
    return goal


def commits(folder: Path) -> dict[str, str]:
    """Return the commits of the Hub data sets that the recipes of a study began with; {} if none were noted."""
    known = recorded(folder)
    with damage.noticed(folder / FILE):
        return {str(name): str(sha) for name, sha in damage.mapping(known.get("commits", {})).items()}


def recorded(folder: Path, needs: Sequence[str] = KEYS) -> Tree:
    """Return what a study's file says of it; {} if nothing was begun.

    Args:
        folder: the study's.
        needs: keys that it must have; goal and model have keys of their own.

    Raises:
        UserError: if the file is damaged, or has gone from a study that was begun.
    """
    path, ledger = folder / FILE, folder / "ledger.jsonl"
    if path.exists():
        known = damage.tree(path)
        with damage.noticed(path):
            unnamed = [key for key in ("goal", "model") if key in known and "name" not in damage.mapping(known[key])]
        if lacks := [*(key for key in needs if key not in known), *(f"{key}.name" for key in unnamed)]:
            raise damage.damaged(path, f"it lacks {', '.join(lacks)}")
        return known
    if ledger.exists() and ledger.stat().st_size:
        raise UserError(f"{path} has gone, and {ledger.name} is there. {damage.WAYS[FILE]}")
    return {}


def base_input(model: Model, store: LocalStore) -> Input:
    """Return the base model as an input: links in the store to a local folder's files, or a repository of the Hub."""
    digest = checkpoints.digest(model.path, model.revision)
    folder = Path(model.path)
    if not folder.is_dir():
        return Input(digest, "hub", model.path)
    name = f"base-{digest[:16]}"
    store.link(name, folder)
    return Input(digest, "store", name)


def materialised(goal: Goal, model: Model, folder: Path, store: LocalStore) -> tuple[str, list[str]]:
    """Write the goal's items, check them, put them into the store; return the hash of their content, and what a person
    should know of them.

    A study that has begun keeps the items that it has, as long as the goal's own files are the same."""
    if before := recorded(folder):
        unchanged = before["goal"] == compared(goal) and before["data_hash"] == data_hash(goal)
        name = f"items-{before['items_hash'][:16]}"
        if unchanged and store.has(name) and not store.damage(name):
            return str(before["items_hash"]), []
    part = folder / "items.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    notes = splits.materialise(goal, part)
    notes += checked(goal, model, part)
    digest = checkpoints.folder_digest(part)
    store.put(f"items-{digest[:16]}", part)
    return digest, notes


def checked(goal: Goal, model: Model, part: Path) -> list[str]:
    """Return what a person should know of items that were just written.

    Raises:
        UserError: if the scorer cannot judge a person's own, or most of their targets are too long.
    """
    if not (part / "dev.jsonl").exists():
        return []
    notes = few(len(items.read(part / "dev.jsonl")))
    if goal.data_dir:
        rows = {split: items.read(part / f"{split}.jsonl") for split in ("train", "dev", "test")}
        notes += checks.check(goal, rows, tokens.counter(model))
    return notes


def few(dev: int) -> list[str]:
    """Return a line on what the paired test cannot prove, if there are few dev items."""
    if dev >= FEW:
        return []
    least = next(wins for wins in count(1) if paired.sign_test(wins, 0) < paired.LEVEL)
    if dev < least:
        return [f"dev: {dev} items are too few to prove any gain: {least} must differ"]
    return [f"dev: {dev} items are few: no gain can be proven in which fewer than {least} of them differ"]


def pins(scope: Scope) -> dict[str, list[str]]:
    """Return what the command line fixed of each recipe, as lines."""
    return {name: list(pinned.lines()) for name, pinned in sorted(scope.pins.items()) if pinned}


def differences(known: Tree, mine: Tree) -> list[str]:
    """Return one line for each thing that is not as it was when the study began."""
    old, new = stated(known), stated(mine)
    if known["pins"] is not None and mine["pins"] is not None:  # proposer=fixed pins nothing: they are the trial
        old["pinned on the command line"], new["pinned on the command line"] = known["pins"], mine["pins"]
    return [f"  - {key}: it has {value!r}, now {new.get(key)!r}" for key, value in old.items() if value != new.get(key)]


def stated(side: Tree) -> Tree:
    """Return one side of a comparison: every key of goal and model, and the hashes of what they name."""
    keys = {f"{part}.{key}": value for part in ("goal", "model") for key, value in side[part].items()}
    return keys | {key: side[key] for key in HASHES}


def compared(section: Goal | Model) -> Tree:
    """Return a section for comparison: JSON values that change what runs, without the places whose contents are
    hashed."""
    return {key: value for key, value in decisive(section).items() if key not in PLACES}


def data_hash(goal: Goal) -> str | None:
    """Return the hash of a person's own files; None if the goal has none."""
    if not goal.data_dir:
        return None
    place = Path(goal.data_dir).expanduser()
    used = [path for paths in folders.files(place).splits.values() for path in paths]
    if all(path.parent == place and path.suffix == ".jsonl" for path in used):
        return checkpoints.folder_digest(place, ("*.jsonl",))
    return checkpoints.files_digest(used)


def freeze(folder: Path, library: Library, name: str) -> None:
    """Note a recipe's hash at its first use.

    Raises:
        UserError: if its file has changed since.
    """
    path, known = folder / FILE, recorded(folder)
    now = hashlib.sha256(library.path(name).read_bytes()).hexdigest()
    if known["recipes"].setdefault(name, now) != now:
        raise UserError(
            f"Recipe {name} ({library.path(name)}) has changed since study {folder} began. "
            "Undo the change, or start another study with study=NAME."
        )
    files.write_whole(path, known)
