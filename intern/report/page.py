"""A study as one page that a person would rather look at than read logs: STUDY/report.html, from the ledger and
the trial folders alone, at any moment of the study.

Self-contained: styles, charts and their renderer lie inside, and a content security policy lets nothing be loaded
and nothing run but the page's own scripts, by their hashes; what a model, a paper or a data set said stays text.
Vega-Lite is 0.9 MB; plotly.js alone would be 4.5 MB.

python -m intern report arithmetic-tiny"""

import hashlib
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from intern.config import contract, library
from intern.config.schema import Recipe, flat
from intern.data import items
from intern.records import Score, Trial, Verdict
from intern.report import charts, text
from intern.report.estimate import duration
from intern.search import recovery, sampler
from intern.stats import paired
from intern.study import ledger
from intern.trial import worker

FILE = "report.html"
ENOUGH = 20  # finished trials of a recipe under which importances are noise
SHOWN = 5  # samples of each sort
Samples = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Node:
    """A trial in the tree of proposals."""

    trial: Trial
    """The trial."""
    changed: tuple[str, ...]
    """Its overrides that its parent has not."""
    parent: float | None
    """Its parent's mean on dev."""
    paired: Verdict | None
    """The comparison with its parent, item by item."""
    children: tuple["Node", ...]
    """The trials that vary it."""


@dataclass(frozen=True)
class Stop:
    """A trial that was stopped, and what was tried against it."""

    trial: Trial
    """The stopped trial; its diagnosis says why."""
    entered: Trial | None
    """The trial that scored the checkpoint which entered the stopped stage."""
    remedies: tuple[Trial, ...]
    """What was tried."""
    untried: tuple[tuple[str, ...], ...]
    """Remedies that the diagnosis names and no trial has tried."""
    held: Trial | None
    """Of the remedies that beat that checkpoint, the best on dev."""


def write(folder: Path) -> Path:
    """Write STUDY/report.html whole; returns its path."""
    path = folder / FILE
    part = path.with_name(f"{FILE}.part")
    part.write_text(page(gather(folder)), encoding="utf-8")
    part.replace(path)
    return path


def page(context: Mapping[str, Any]) -> str:
    """The page; whatever the context says is escaped where it is put."""
    import jinja2
    import vl_convert
    from markupsafe import Markup

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.filters |= {"rate": charts.rate, "points": points, "spread": spread, "duration": duration, "hashed": hashed}
    vega = Markup(vl_convert.javascript_bundle())
    return env.get_template(FILE).render(context, vega=vega, kinds=charts.KINDS, marks=charts.STATES)


def gather(folder: Path) -> dict[str, Any]:
    """All that the page shows, from what is on disk now."""
    trials, events, end = ledger.trials(folder), ledger.events(folder), ledger.end(folder)
    dev = {t.number: rows for t in trials if (rows := outcomes(folder, t, "dev"))}
    best = trials[end["winner"]] if end and end["winner"] is not None else paired.incumbent(trials) if trials else None
    final = next((t for t in reversed(trials) if t.kind == "confirm" and t.state == "COMPLETE"), None)
    identity = folder / "study.json"
    return {
        "name": folder.resolve().name,
        "study": json.loads(identity.read_text()) if identity.exists() else None,
        "trials": trials,
        "best": best,
        "final": final,
        "end": end,
        "proofs": text.proofs(folder, trials[0], final) if final else [],
        "scores": score_table(trials, best, final),
        "as_of": f"{datetime.fromtimestamp(events[-1]['time']):%Y-%m-%d %H:%M}" if events else "",
        "states": Counter(t.state for t in trials),
        "present": {name for t in trials for name in (t.kind, t.state)},
        "stages": [name for name in charts.STAGES if any(row["stage"] == name for t in trials for row in t.stages)],
        "spent": sum(t.seconds or 0 for t in trials),
        "rejected": [t for t in trials if t.state == "REJECTED"],
        "saved": saved(trials),
        "charts": charts.by_trial(trials),
        "tree": tree(trials, dev),
        "stops": [stop(t, trials) for t in trials if t.diagnosis],
        "curves": charts.curves(folder, trials, best),
        "importances": [importance(folder, name, trials) for name in sorted({t.recipe for t in trials if t.recipe})],
        "samples": disagreements(folder, dev[0], dev[best.number]) if best and best.number in dev else None,
        "start": (ledger.starts(folder) or [None])[-1],
        "recipe": recipe_text(folder, best) if best and best.number else None,
    }


def outcomes(folder: Path, trial: Trial, split: str, shots: int = 0) -> list[dict[str, Any]]:
    """A trial's samples of one split, or [] where it was not scored."""
    return text.samples(folder, trial, split, shots) if trial.mean(split, shots) is not None else []


def score_table(trials: Sequence[Trial], best: Trial | None, final: Trial | None) -> dict[str, Any]:
    """Columns: the base by shots, then the best trial; a row for each split and task."""
    base = trials[0].scores if trials else ()
    shots = sorted({s.shots for s in base})
    columns = {f"base, {f'{n}-shot' if n else 'zero-shot'}": [s for s in base if s.shots == n] for n in shots}
    if best and best.number:
        columns[f"trial {best.number}"] = [*best.scores, *(final.scores if final else ())]
    places = list(dict.fromkeys((s.split, s.task, s.metric, s.n) for scores in columns.values() for s in scores))
    rows = [(*p, [cell(scores, p) for scores in columns.values()]) for p in sorted(places)]
    return {"columns": list(columns), "rows": rows}


def cell(scores: Sequence[Score], place: tuple[str, str, str, int]) -> Score | None:
    """The score of one split and task among a column's."""
    return next((s for s in scores if (s.split, s.task, s.metric, s.n) == place), None)


def saved(trials: Sequence[Trial]) -> dict[str, float]:
    """How many stages were reused, and the seconds that they took when they were made."""
    rows = [row for t in trials for row in t.stages]
    cost = {row["out"]: row["seconds"] for row in rows if not row["reused"]}
    reused = [row["out"] for row in rows if row["reused"]]
    return {"stages": len(reused), "of": len(rows), "seconds": sum(cost.get(out, 0) for out in reused)}



def tree(trials: Sequence[Trial], dev: Mapping[int, Samples], number: int = 0) -> Node | None:
    """The trials as children of what they vary; a recipe tried by itself varies the base model."""
    if not trials:
        return None
    trial, kept = trials[number], [t for t in trials[1:] if t.kind != "confirm" and t.state != "REJECTED"]
    parent = trials[trial.parent or 0]
    both = number in dev and number and parent.number in dev
    return Node(
        trial,
        tuple(word for word in trial.overrides if word not in parent.overrides),
        parent.mean("dev") if number else None,
        paired.compare(dev[number], dev[parent.number], parent.number) if both else None,
        tuple(tree(trials, dev, t.number) for t in kept if (t.parent or 0) == number),
    )


def stop(trial: Trial, trials: Sequence[Trial]) -> Stop:
    """What became of a diagnosis."""
    children = [t for t in trials if t.parent == trial.number]
    tried = [t for t in children if t.kind == "remedy"]
    return Stop(
        trial,
        next((t for t in children if t.kind == "rollback" and t.state == "COMPLETE"), None),
        tuple(tried),
        tuple(r for r in trial.diagnosis.remedies if not any(set(r) <= set(t.overrides) for t in tried)),
        recovery.held(trial, trials),
    )


def importance(folder: Path, name: str, trials: Sequence[Trial]) -> dict[str, Any]:
    """How much of a recipe's spread on dev each contract key explains, once enough of its trials have finished."""
    mine = [t for t in trials if t.recipe == name and t.kind != "confirm" and t.mean("dev") is not None]
    if len(mine) < ENOUGH:
        return {"recipe": name, "missing": ENOUGH - len(mine)}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    sampler.feed(study, sampler.ended(name, space(folder, mine), trials).values())
    found = optuna.importance.get_param_importances(study)
    rows = [{"key": key, "share": share} for key, share in found.items()]
    return {"recipe": name, "missing": 0, "finished": len(mine), "chart": charts.importances(rows)}


def space(folder: Path, mine: Sequence[Trial]) -> sampler.Space:
    """A recipe's search space, from its trials' own configs: its file may have gone."""
    bounds, defaults = contract.read(config_of(folder, mine[0]).tunable)[0], {}
    for trial in mine:
        own, set_here = dict(flat(config_of(folder, trial))), {word.partition("=")[0] for word in trial.overrides}
        defaults |= {key: own[key] for key in bounds if f"recipe.{key}" not in set_here}
    return sampler.Space(bounds, {key: defaults.get(key) for key in bounds})


def config_of(folder: Path, trial: Trial) -> Recipe:
    """The recipe as a trial ran it."""
    return worker.read_config(folder / "trials" / f"{trial.number:03d}").recipe


def recipe_text(folder: Path, trial: Trial) -> str:
    """The recipe of the best trial as YAML: the exported file, or what would be exported."""
    exported = folder / "export" / "recipe.yaml"
    return exported.read_text(encoding="utf-8") if exported.exists() else library.dump(config_of(folder, trial))


def disagreements(folder: Path, before: Samples, after: Samples) -> dict[str, list[dict[str, Any]]]:
    """Dev items that the best trial answers and the base does not, and the reverse."""
    path = folder / "items" / "dev.jsonl"
    asked = [row["question"] for row in items.read(path)] if path.exists() else []
    old = {(row["task"], row["doc_id"]): row for row in before}
    found: dict[str, list[dict[str, Any]]] = {"fixed": [], "broken": []}
    for row in after:
        was = old[row["task"], row["doc_id"]]
        if row["value"] != was["value"]:
            question = asked[row["doc_id"]] if asked else f"{row['task']}, item {row['doc_id']}"
            pair = {"question": question, "target": row["target"], "before": was.get("response", "a wrong choice")}
            sort = "fixed" if row["value"] > was["value"] else "broken"
            found[sort].append({**pair, "after": row.get("response")})
    return found


def spread(rows: Sequence[Any]) -> list[Any]:
    """At most SHOWN of the rows, evenly spread."""
    shown = min(SHOWN, len(rows))
    return [rows[i * len(rows) // shown] for i in range(shown)]


def points(gain: float) -> str:
    """A difference of two shares, in percentage points, with its sign."""
    return f"{100 * gain:+.1f}".replace("-", "−")


def hashed(script: str) -> str:
    """A script's hash as a content security policy names it."""
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
