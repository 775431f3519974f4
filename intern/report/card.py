"""The model card of an export: what the model is, the claim with all its evidence, how to repeat it, and what was not
tested.

Every number comes from the ledger and the trial folders; texts of recipes and data sets are data, and can break neither
out of the front matter nor out of a code fence (the Hub's format: https://huggingface.co/docs/hub/model-cards).

    cat outputs/arithmetic-tiny/export/README.md
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from intern.config import library, stages
from intern.config.schema import Config, Recipe
from intern.data import sources
from intern.errors import UserError
from intern.overrides import show
from intern.records import Score, Trial
from intern.report import answers, fmt
from intern.study.reader import Reader
from intern.text import block, one_line
from intern.trial import job as jobs

TEMPLATE = Path(__file__).with_name("templates") / "card.md"
SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$&])")
PLACE = re.compile(r"(?<![^\s='\"])[~/][^\s'\"=]*/")  # the folders of an absolute path


@dataclass(frozen=True)
class Rows:
    """What one stage added to the training rows."""

    stage: str
    """Its name in the recipe."""
    sources: Sequence[Mapping[str, Any]]
    """The sources that it names."""
    settings: Mapping[str, str]
    """Its other settings, without those that are unset or off."""


def write(study: Reader, export: Path, winner: Trial) -> None:
    """Write README.md into the winner's export, and the data cards of its stages; its confirmation on test has to be in
    the ledger."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(prose=prose, code=code, fence=fence)
    environment.globals.update(fmt=fmt)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    for name, path in study.data_cards(winner).items():
        shutil.copy2(path, export / f"{name}_{path.name}")
    (export / "README.md").write_text(block(template.render(told(study, winner))), encoding="utf-8")


def told(study: Reader, winner: Trial) -> dict[str, Any]:
    """Return all that the card says."""
    baseline, final = study.baseline, study.final
    assert baseline and final and final.parent == winner.number
    config, recipe = study.config(winner.number), study.trained(winner)
    constant = [("one answer to everything", score) for score in study.constant_scores()]
    base = base_name(study, config)
    starts = study.ledger.starts
    command = PLACE.sub("PATH/", starts[-1]["command"]) if starts else None
    return {
        "front": front(study, recipe, winner, final, base),
        "name": study.folder.resolve().name,
        "base": base,
        "recipe": recipe,
        "winner": winner,
        "scores": [*lines(baseline, "base"), *constant, *lines(winner, "this model"), *lines(final, "this model")],
        "compared": study.proofs(),
        "repeats": study.repeats(winner),
        "notes": study.notes(winner),
        "same": answers.alike(study, winner),
        "counted": counted(study.trials),
        "tasks": sorted({score.task for score in final.scores}),
        "receipts": [cleaning.receipt() for _, cleaning in study.cleanings(winner)],
        "rows": row_count(study, winner),
        "made": made(recipe),
        "data_cards": {name: f"{name}_{path.name}" for name, path in study.data_cards(winner).items()},
        "goal": config.goal,
        "yaml": library.dump(recipe),
        "known": study.identity,
        "command": command,
        "versions": starts[-1]["versions"] if starts else jobs.versions(),
        "pinned": job_of(study).base.kind == "store" or config.model.revision,
    }


def front(study: Reader, recipe: Recipe, winner: Trial, final: Trial, base: str) -> str:
    """Return the YAML front matter, with the scores on test as the Hub's model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=flat(score.task),
            dataset_name=flat(score.task),
            dataset_split=score.split,
            metric_type=flat(score.metric),
            metric_value=score.value,
            metric_args={"stderr": score.stderr, "n": score.n, "shots": score.shots},
        )
        for score in final.scores
    ]
    trained = dict.fromkeys(stage.name for _, stage in stages.entries(recipe) if stage.trains)
    named = [entry for rows in made(recipe) for entry in rows.sources]
    card = ModelCardData(
        base_model=base,
        datasets=sorted({entry["hub"] for entry in named if "hub" in entry}) or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["intern", flat(winner.recipe or ""), *trained],
        model_name=study.folder.resolve().name,
        eval_results=results,
    )
    return str(card.to_yaml())


def job_of(study: Reader) -> jobs.Job:
    """Return the job of trial 0, which names what the study starts from."""
    return jobs.read(study.place(0))


def base_name(study: Reader, config: Config) -> str:
    """Return a Hub model's repository, or the name of a local one; never a path of this machine."""
    base = job_of(study).base
    if base.kind == "hub":
        return base.address
    return Path(config.model.path).name if config.model.name == "local" else flat(config.model.name)


def lines(trial: Trial, who: str) -> list[tuple[str, Score]]:
    """Return a trial's lines of the table of scores."""
    return [(who, score) for score in sorted(trial.scores, key=lambda s: (s.split, s.shots))]


def counted(trials: Sequence[Trial]) -> dict[str, int]:
    """Return how many trials the winner was chosen from, by how they ended."""
    tried = [t.state for t in trials if t.kind not in ("baseline", "confirm")]
    return {state: tried.count(state) for state in sorted(set(tried))}


def row_count(study: Reader, winner: Trial) -> int:
    """Return how many rows it was trained on: those of the last stage that made some; 0 if none did."""
    outputs = [study.output(run) for run in winner.stages if stages.stage(run.stage).makes == "rows"]
    if not outputs:
        return 0
    with (outputs[-1] / "rows.jsonl").open(encoding="utf-8") as file:
        return sum(1 for _ in file)


def made(recipe: Recipe) -> list[Rows]:
    """Return where the training rows came from, stage by stage."""
    return [rows(name, getattr(recipe, name)) for name, stage in stages.entries(recipe) if stage.makes == "rows"]


def rows(name: str, settings: Any) -> Rows:
    """Return what one stage says of its rows: a setting that lists sources, and all others that are set."""
    entries: list[Mapping[str, Any]] = []
    others: dict[str, str] = {}
    for key, value in asdict(settings).items():
        if isinstance(value, list) and value and all(is_source(entry) for entry in value):
            entries += value
        elif value not in (None, False):
            others[key] = PLACE.sub("PATH/", show(value))
    return Rows(name, entries, others)


def is_source(entry: Any) -> bool:
    """Return whether an entry of a list names a source of rows."""
    if not isinstance(entry, Mapping):
        return False
    try:
        sources.kind_of(entry)
    except UserError:
        return False
    return True


def flat(text: str) -> str:
    """Return foreign text on one line, with a space for each line end."""
    return one_line(" ".join(str(text).split()))


def prose(text: str) -> str:
    """Return foreign text inside a sentence: one line, every sign that Markdown or HTML reads escaped."""
    return SPECIAL.sub(r"\\\1", flat(text))


def code(text: str) -> str:
    """Return foreign text as a code span that it cannot close, in a table too."""
    inner = flat(text).replace("|", "¦")
    ticks = "`" * (1 + longest_run(inner))
    return f"{ticks} {inner} {ticks}" if "`" in inner else f"{ticks}{inner}{ticks}"


def fence(text: str, language: str = "") -> str:
    """Return a block of code that no run of backticks inside can close."""
    ticks = "`" * max(3, 1 + longest_run(text))
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max((len(run) for run in re.findall("`+", text)), default=0)
