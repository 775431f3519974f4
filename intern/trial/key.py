"""The name of a stage's output: a hash of all that made it, so that it is never made twice and never mistaken."""

import hashlib
import json
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import Any

from intern import plugins
from intern.config.schema import Config
from intern.config.stages import Stage
from intern.config.values import decisive
from intern.trial.job import Job, versions


def key(stage: Stage, settings: Any, config: Config, job: Job, model: str, rows: str) -> str:
    """Return the hash of a stage's settings, config, seed, inputs, plug-ins, version and libraries.

    Args:
        stage: the stage's description.
        settings: its settings as it is run.
        config: the trial's config.
        job: the trial's job.
        model: hash of its input checkpoint.
        rows: hash of its input rows.
    """
    called = set(stage.plugins(settings, config))
    if stage.trains and config.diagnose:
        called |= {("diagnosis", name) for name in plugins.names("diagnosis")}
    if not plugins.ours("stages", stage.name):  # a stranger may forget to raise VERSION
        called.add(("stages", stage.name))
    parts = {
        "stage": stage.name,
        "settings": asdict(settings),
        "version": stage.version,
        "items": job.items.hash,
        "config": {path: select(config, path) for path in stage.reads},
        "model": model if "model" in stage.uses else None,
        "rows": rows if "rows" in stage.uses else None,
        "seed": job.seed if "seed" in stage.uses else None,
        "plugins": {f"{kind}/{name}": plugins.source(kind, name) for kind, name in sorted(called)},
        "libraries": libraries(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def select(config: Config, path: str) -> Any:
    """Return a part of the config as JSON."""
    node: Any = config
    for part in path.split("."):
        node = getattr(node, part)
    if isinstance(node, list):
        return [asdict(entry) if is_dataclass(entry) and not isinstance(entry, type) else entry for entry in node]
    return decisive(node) if is_dataclass(node) and not isinstance(node, type) else node


@cache
def libraries() -> dict[str, str]:
    """Return the installed versions, which do not change while a process lives."""
    return versions()
