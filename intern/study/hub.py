"""What a study needs of the Hugging Face Hub, asked for before anything heavy starts: seconds, not minutes.

    HF_HUB_OFFLINE=1 python -m intern goal=sci_reasoning model=qwen3-1.7b
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from intern.config.gate import Scope
from intern.config.schema import Model, Recipe
from intern.errors import UserError
from intern.text import as_lines

SECONDS = 2.0  # that the Hub may take to answer
Named = tuple[str, str | None]  # a data set, and its revision
LOG_IN = "log in (`hf auth login`, or HF_TOKEN), and accept its terms on its page"


def check(scope: Scope) -> None:
    """Check that the model, the goal's data sets and those of at least one recipe can be had.

    Raises:
        UserError: with each that cannot, why, and what to do.
    """
    config, mirror = scope.config, scope.config.compute.mirror
    tasks = [name for task in [*config.goal.dev, *config.goal.test] for name in task_data(task.folder, task.name)]
    goal: list[Named] = [(name, None) for name in tasks]
    goal += [(config.goal.hub, config.goal.hub_revision)] if config.goal.hub and not config.goal.data_dir else []
    named = {name: data_sets(recipe) for name, recipe in scope.recipes.items()}
    everything = dict.fromkeys([*goal, *(name for names in named.values() for name in names)])
    with ThreadPoolExecutor(len(everything) + 1) as pool:
        model = pool.submit(model_fault, config.model)
        faults = dict(zip(everything, pool.map(lambda each: data_fault(each, mirror), everything), strict=True))
        lacking = {recipe: [fault for name in names if (fault := faults[name])] for recipe, names in named.items()}
        needed = [model.result(), *(faults[name] for name in goal)]
    if lacking and all(lacking.values()):
        needed += [fault for of_recipe in lacking.values() for fault in of_recipe]
    if told := [fault for fault in dict.fromkeys(needed) if fault]:
        raise UserError(as_lines(["What this study needs cannot be had:", *(f"  - {fault}" for fault in told)]))


def model_fault(model: Model) -> str | None:
    """Say why a model cannot be had; None if it can."""
    fault = None if Path(model.path).is_dir() else missing("model", model.path, model.revision)
    return f"{fault} Or give a folder: model=PATH." if fault else None


def data_sets(recipe: Recipe) -> list[Named]:
    """Return the Hub data sets that a recipe's stages read, each with its revision."""
    mixes = [getattr(getattr(recipe, name), "mix", None) or [] for name in recipe.stages]
    entries = [entry for mix in mixes for entry in mix if isinstance(entry.get("hub"), str)]
    return list(dict.fromkeys((entry["hub"], entry.get("revision")) for entry in entries))


def pinned(scope: Scope, begun: Mapping[str, str]) -> tuple[Scope, dict[str, str]]:
    """Return the scope with the commit of each data set of its recipes whose entry names none, and these commits.

    Args:
        begun: the commits that a study of it began with.
    """
    if scope.config.compute.mirror:
        return scope, dict(begun)
    open_ = {name for recipe in scope.recipes.values() for name, revision in data_sets(recipe) if revision is None}
    newest = {name: begun.get(name) or commit(name) for name in sorted(open_)}
    commits = {name: sha for name, sha in newest.items() if sha}
    recipes = {name: with_commits(recipe, commits) for name, recipe in scope.recipes.items()}
    own = recipes.get(scope.config.recipe.name, scope.config.recipe)
    return replace(scope, recipes=recipes, config=replace(scope.config, recipe=own)), {**begun, **commits}


def with_commits(recipe: Recipe, commits: Mapping[str, str]) -> Recipe:
    """Return a recipe whose entries of data sets name a commit."""
    changes = {}
    for name in recipe.stages:
        mix = getattr(getattr(recipe, name), "mix", None) or []
        made = []
        for entry in mix:
            sha = None if entry.get("revision") else commits.get(entry.get("hub"))
            made.append({**entry, "revision": sha} if sha else entry)
        if made != mix:
            changes[f"{name}.mix"] = made
    return recipe.with_(changes) if changes else recipe


def task_data(folder: str, name: str) -> list[str]:
    """Return the data set of one of lm-eval's tasks, read from the YAML beside it, which may include another."""
    from importlib.util import find_spec

    from yaml import BaseLoader, YAMLError, load

    spec = find_spec("lm_eval")
    place = Path(spec.origin or "").parent / "tasks" / folder if spec else Path()
    file = next(iter(place.rglob(f"{name}.yaml")), None)
    while file and file.exists():
        try:
            tree = load(file.read_text(encoding="utf-8"), Loader=BaseLoader)  # tags such as !function stay text
        except YAMLError:
            return []
        if "dataset_path" in tree:
            return [tree["dataset_path"]]
        file = file.parent / tree["include"] if "include" in tree else None
    return []


def data_fault(named: Named, mirror: str | None) -> str | None:
    """Say why a data set cannot be had from the mirror, or else from the Hub; None if it can."""
    name, revision = named
    if mirror is None:
        fault = missing("dataset", name, revision)
        return f"{fault} Or give a folder with a copy: compute.mirror=FOLDER." if fault else None
    if (Path(mirror).expanduser() / name).is_dir():
        return None
    return f"data set {name} is not in compute.mirror={mirror}: put a copy at {Path(mirror) / name}."


def missing(kind: str, name: str, revision: str | None) -> str | None:
    """Say why a repository can neither be read from the Hub nor from this machine's cache; None if it can.

    Args:
        kind: "model" or "dataset".
        name: owner/name.
        revision: commit, branch or tag; None: main.
    """
    from huggingface_hub import HfApi, errors

    what = "data set" if kind == "dataset" else kind
    try:
        api = HfApi()
        ask = api.dataset_info if kind == "dataset" else api.model_info
        info = ask(name, revision=revision, timeout=SECONDS)
        if info.gated and cached(kind, name) is None:
            api.auth_check(name, repo_type=kind)
        return None
    except errors.GatedRepoError:
        return f"{what} {name} is gated: {LOG_IN}."
    except errors.RevisionNotFoundError:
        return f"{what} {name} has no revision {revision}: it is gone, or was never there. Take another commit."
    except errors.RepositoryNotFoundError:
        return f"{what} {name} is not on the Hub, or private: check the name, or {LOG_IN}."
    except errors.HFValidationError:
        return f"{what} {name!r} is neither a folder here nor owner/name on the Hub."
    except Exception as error:  # every client library has its own for "no network"
        if cached(kind, name):
            return None
        reason = " ".join(str(error).split()) or type(error).__name__
        offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
        why = "HF_HUB_OFFLINE is set: unset it" if offline else f"the Hub does not answer ({reason[:100]})"
        return f"{what} {name} is not in this machine's cache, and {why}."


def commit(name: str) -> str | None:
    """Return the newest commit of a data set; None if the Hub does not say, and this machine's cache has to do."""
    from huggingface_hub import HfApi

    try:
        newest: str | None = HfApi().dataset_info(name, timeout=SECONDS).sha
        return newest
    except Exception:  # every client library has its own for "no network"; what is missing was said before
        return None


def cached(kind: str, name: str) -> Path | None:
    """Return where this machine's cache has a repository, or a data set made of it; None if it has not."""
    from huggingface_hub import constants

    places = [Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}" / "snapshots"]
    if kind == "dataset":
        made = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets"
        places.append(Path(made) / name.replace("/", "___").lower())
    return next((place for place in places if place.is_dir() and any(place.iterdir())), None)
