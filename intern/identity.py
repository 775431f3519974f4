"""A study's identity: its folder belongs to one goal, one base model and the recipes as they were first used.

All are compared by content when a study is continued; budget, proposer and compute may change."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from intern import base, gate, items, library, records
from intern.config import Config, Goal, Model
from intern.errors import UserError

PLACES = ("path", "data_dir")  # of goal and model: their contents are hashed instead


def identify(folder: Path, config: Config, scene: gate.Scene) -> dict[str, str]:
    """Hashes of base and items. Raises UserError where the folder belongs to another goal, model or set of pins."""
    items_folder = folder / "items"
    if not items_folder.exists():
        part = folder / "items.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        items.materialise(config.goal, part)
        part.rename(items_folder)
    mine = {
        "goal": plain(config.goal),
        "model": plain(config.model),
        "model_hash": base.digest(config.model),
        "items_hash": base.folder_digest(items_folder),
        "data_hash": data_hash(config.goal),
        "pins": None if config.proposer.name == "fixed" else sorted(scene.pins),
    }
    path = folder / "study.json"
    known = json.loads(path.read_text()) if path.exists() else {**mine, "recipes": {}}
    changed = [
        f"  - {key}: it has {known[key]!r}, now {mine[key]!r}"
        for key in ("model_hash", "data_hash", "items_hash")
        if known[key] != mine[key]
    ]
    for part_name in ("goal", "model"):
        changed += [
            f"  - {part_name}.{key}: it has {value!r}, now {mine[part_name].get(key)!r}"
            for key, value in known[part_name].items()
            if value != mine[part_name].get(key)
        ]
    if None not in (known["pins"], mine["pins"]) and known["pins"] != mine["pins"]:
        changed.append(f"  - pinned on the command line: it has {known['pins']}, now {mine['pins']}")
    if changed:
        raise UserError(
            "\n".join(
                [
                    f"Study {folder} was begun with something else:",
                    *changed,
                    "Undo the change, or start another study with study=NAME.",
                ]
            )
        )
    records.write_whole(path, {**known, "pins": known["pins"] if mine["pins"] is None else mine["pins"]})
    return {"model": mine["model_hash"], "items": mine["items_hash"]}


def plain(section: Goal | Model) -> dict[str, Any]:
    """A section for comparison: JSON values, without the places whose contents are hashed."""
    return {key: value for key, value in asdict(section).items() if key not in PLACES}


def data_hash(goal: Goal) -> str | None:
    """Content hash of a person's own files."""
    return base.folder_digest(Path(goal.data_dir).expanduser(), ("*.jsonl",)) if goal.data_dir else None


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
