"""A study's identity: its folder belongs to one goal, one base model and the recipes as they were first used.

All are compared by content when a study is continued; budget, proposer and compute may change."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from intern import checkpoints, records
from intern.config import gate, library
from intern.config.schema import Config, Goal, Model
from intern.data import items
from intern.errors import UserError

PLACES = ("path", "data_dir")  # of goal and model: their contents are hashed instead


def identify(folder: Path, config: Config, scene: gate.Scene) -> dict[str, str]:
    """Hashes of base and items. Raises UserError where the folder belongs to another goal, model or set of pins."""
    mine = {
        "goal": plain(config.goal),
        "model": plain(config.model),
        "model_hash": checkpoints.digest(config.model),
        "items_hash": checkpoints.folder_digest(materialised(folder, config.goal)),
        "data_hash": data_hash(config.goal),
        "pins": None if config.proposer.name == "fixed" else sorted(scene.pins),
    }
    path = folder / "study.json"
    known = json.loads(path.read_text()) if path.exists() else {**mine, "recipes": {}}
    if changed := differences(known, mine):
        what = [f"Study {folder} was begun with something else:", *changed]
        raise UserError("\n".join([*what, "Undo the change, or start another study with study=NAME."]))
    records.write_whole(path, {**known, "pins": known["pins"] if mine["pins"] is None else mine["pins"]})
    return {"model": mine["model_hash"], "items": mine["items_hash"]}


def materialised(folder: Path, goal: Goal) -> Path:
    """The folder of the goal's items, written whole at the first start."""
    done, part = folder / "items", folder / "items.part"
    if not done.exists():
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        items.materialise(goal, part)
        part.rename(done)
    return done


def differences(known: dict[str, Any], mine: dict[str, Any]) -> list[str]:
    """One line for each thing that is not as it was when the study began."""
    old, new = stated(known), stated(mine)
    if None not in (known["pins"], mine["pins"]):  # proposer=fixed pins nothing: its overrides are the trial
        old["pinned on the command line"], new["pinned on the command line"] = known["pins"], mine["pins"]
    return [f"  - {key}: it has {value!r}, now {new.get(key)!r}" for key, value in old.items() if value != new.get(key)]


def stated(side: dict[str, Any]) -> dict[str, Any]:
    """One side of a comparison: every key of goal and model, and the hashes of what they name."""
    keys = {f"{part}.{key}": value for part in ("goal", "model") for key, value in side[part].items()}
    return keys | {key: side[key] for key in ("model_hash", "data_hash", "items_hash")}


def plain(section: Goal | Model) -> dict[str, Any]:
    """A section for comparison: JSON values, without the places whose contents are hashed."""
    return {key: value for key, value in asdict(section).items() if key not in PLACES}


def data_hash(goal: Goal) -> str | None:
    """Content hash of a person's own files."""
    return checkpoints.folder_digest(Path(goal.data_dir).expanduser(), ("*.jsonl",)) if goal.data_dir else None


def freeze(folder: Path, name: str) -> None:
    """Note a recipe's hash at its first use; raises UserError when its file has changed since."""
    path = folder / "study.json"
    known = json.loads(path.read_text())
    now = hashlib.sha256(library.path(name).read_bytes()).hexdigest()
    if known["recipes"].setdefault(name, now) != now:
        raise UserError(
            f"Recipe {name} ({library.path(name)}) has changed since study {folder} began. "
            "Undo the change, or start another study with study=NAME."
        )
    records.write_whole(path, known)
