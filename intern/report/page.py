"""A study as one page of HTML, STUDY/report.html: from the ledger and the trial folders alone, at any moment of the
study, and however long the study is.

Self-contained: styles, charts and their renderer lie inside, and a content security policy lets nothing be loaded and
nothing run but the page's own scripts, by their hashes; what a model, a paper or a data set said stays text. Vega-Lite
is 0.9 MB; plotly.js alone would be 4.5 MB.

    python -m intern report arithmetic-tiny
"""

import hashlib
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from intern import files
from intern.config import library
from intern.data.cleaning import Cleaning, Reason
from intern.records import Score, Trial
from intern.report import answers as written
from intern.report import calibration, charts, evidence, fmt, share, shown
from intern.report.advice import advice
from intern.report.curves import curves
from intern.report.importance import importances
from intern.report.samples import disagreements
from intern.report.stops import stops
from intern.report.tree import tree
from intern.study.evidence import of as kept
from intern.study.reader import Reader
from intern.text import block

FILE = "report.html"
TEMPLATES = Path(__file__).with_name("templates")
CHARTED = 1000  # trials in the charts by trial
IN_TREE = 120  # trials in the tree: each may have to be compared with its parent, 4 ms
PAPERS = 30  # claims of papers that bear on a trial
REFUSED = 50  # refusals, the newest


@dataclass(frozen=True)
class Table:
    """The scores of the base and of the best trial."""

    columns: Sequence[str]
    """Their names."""
    rows: Sequence[tuple[str, str, str, int, Sequence[Score | None]]]
    """(split, task, metric, items, a score for each column)."""


def write(folder: Path) -> Path:
    """Write STUDY/report.html whole, and return its path."""
    path = folder / FILE
    part = path.with_name(f"{FILE}.part")
    part.write_text(page(gather(Reader(folder))), encoding="utf-8")
    part.replace(path)
    return path


def page(context: Mapping[str, Any]) -> str:
    """Return the page; whatever the context says is escaped where it is put."""
    import jinja2
    from markupsafe import Markup

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: block(value) if type(value) is str else value,  # what is marked up is the page's own
    )
    own = {name: Markup((TEMPLATES / f"report.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    env.filters |= {"hashed": hashed}
    env.globals |= {"fmt": fmt, "kinds": charts.KINDS, "states": charts.STATES}
    return env.get_template(FILE).render(context, vega=Markup(vega()), **own)


def vega() -> str:
    """Return Vega-Lite and its renderer as one script; bundling takes 2 s, so it is kept in the user's cache."""
    import vl_convert

    place = files.cache()
    kept = place / f"vega-{metadata.version('vl-convert-python')}.js"
    if kept.exists():
        return kept.read_bytes().decode()
    script: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    part = place / f"{kept.name}.{os.getpid()}.part"
    with suppress(OSError):  # a home that cannot be written costs the 2 s again
        place.mkdir(parents=True, exist_ok=True)
        part.write_bytes(script.encode())
        part.replace(kept)
    return script


def gather(study: Reader) -> dict[str, Any]:
    """Return all that the page shows, from what is on disk now."""
    trials, best, last = study.trials, study.best, study.ledger.last_time
    refused = [t for t in trials if t.state == "REJECTED"]
    return {
        "name": study.folder.resolve().name,
        "study": study.identity,
        "trials": trials,
        "best": best,
        "final": study.final,
        "end": study.ledger.end,
        "proofs": study.proofs(),
        "scores": scores(study, best if study.learnt else study.leading),
        "constant": study.constant.get("text"),
        "constant_proof": study.constant_proof(),
        "as_of": f"{datetime.fromtimestamp(last):%Y-%m-%d %H:%M}" if last else "",
        "count": Counter(t.state for t in trials),
        "present": {name for t in trials for name in (t.kind, t.state)},
        "stages": charts.stage_colours(trials),
        "spent": sum(t.seconds or 0 for t in trials),
        "reuse": reuse(trials),
        **drawn(study),
        "samples": disagreements(study, best) if best and best.number and best.mean("dev") is not None else None,
        **findings(study),
        "refused": refused[-REFUSED:],
        "refused_of": len(refused),
        "start": study.ledger.starts[-1] if study.ledger.starts else None,
        "seeds": sorted({t.seed for t in trials}),
        "recipe": recipe(study, best) if best and best.number else None,
    }


def drawn(study: Reader) -> dict[str, Any]:
    """Return the charts and the tree, each of so many trials as can be seen, and what stopped some of them."""
    charted, branches = shown.evenly(study, CHARTED), shown.chosen(study, IN_TREE)
    stopped, stopped_of = stops(study)
    return {
        "charts": charts.by_trial(study.trials, charted),
        "charted": len(charted),
        "crowded": len(charted) > charts.CROWDED,
        "tree": tree(study, branches),
        "branches": len(branches),
        "stops": stopped,
        "stops_of": stopped_of,
        "notes": {t.number: notes for t in branches if (notes := study.notes(t))},
        "curves": curves(study),
        "importances": importances(study),
    }


def findings(study: Reader) -> dict[str, Any]:
    """Return what is known of the rows and the answers, and what to do next."""
    best, advised = study.best, advice(study)
    papers = evidence.followed(study, kept(study.folder))
    return {
        "papers": [row for row in papers if row.trials][:PAPERS],
        "papers_of": len(papers),
        "calibration": calibration.lines(study),
        "answers": None if study.learnt else written.answers(study),
        "advice": advised,
        "again": share.again(study) if advised else None,
        "same": written.alike(study, best) if best and study.learnt else None,
        "cleaned": cleaned(study),
        "onward": share.onward(study, best) if best and study.final else [],
    }


def scores(study: Reader, best: Trial | None) -> Table:
    """Return columns for the base by shots, for one answer to everything, and for the best trial; a row for each split
    and task."""
    base = study.baseline.scores if study.baseline else ()
    columns: dict[str, Sequence[Score]] = {}
    for shots in sorted({s.shots for s in base}):
        name = f"base, {shots}-shot" if shots else "base, zero-shot"
        columns[name] = [s for s in base if s.shots == shots]
    if base and study.constant:
        columns["one answer"] = study.constant_scores()
    if best and best.number:
        columns[f"trial {best.number}"] = [*best.scores, *(study.final.scores if study.final else ())]
    places = {(s.split, s.task, s.metric, s.n) for column in columns.values() for s in column}
    rows = [(*place, [cell(column, place) for column in columns.values()]) for place in sorted(places)]
    return Table(list(columns), rows)


def cell(scores: Sequence[Score], place: tuple[str, str, str, int]) -> Score | None:
    """Return the score of one split and task among a column's."""
    return next((s for s in scores if (s.split, s.task, s.metric, s.n) == place), None)


def cleaned(study: Reader) -> tuple[Trial, Sequence[tuple[str, Cleaning, Sequence[Reason]]]] | None:
    """Return the best trial, or with nothing learnt the one with the highest score, with what became of its rows."""
    trial = study.foremost
    stages = study.cleanings(trial) if trial else []
    return (trial, [(name, one, one.reasons()) for name, one in stages]) if trial and stages else None


def reuse(trials: Sequence[Trial]) -> dict[str, float]:
    """Return how many stages were reused, of how many, and the seconds that they took when they were made."""
    runs = [run for t in trials for run in t.stages]
    cost = {run.out: run.seconds for run in runs if not run.reused}
    reused = [run.out for run in runs if run.reused]
    return {"stages": len(reused), "of": len(runs), "seconds": sum(cost.get(out, 0) for out in reused)}


def recipe(study: Reader, trial: Trial) -> str:
    """Return the recipe of the best trial as YAML: the exported file, or what would be exported."""
    exported = study.folder / "export" / "recipe.yaml"
    return exported.read_text(encoding="utf-8") if exported.exists() else library.dump(study.trained(trial))


def hashed(script: str) -> str:
    """Return a script's hash as a content security policy names it."""
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
