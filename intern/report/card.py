"""The model card of an export: what the model is, the claim with all its evidence, how to repeat it, and what was not
tested. Every number comes from the ledger and the trial folders; texts of recipes and data sets are data, and can
break neither out of the front matter nor out of a code fence (the Hub's format: https://huggingface.co/docs/hub/model-cards).

    cat outputs/arithmetic-tiny/export/README.md"""

import json
import re
from pathlib import Path
from typing import Any

from intern.config import library
from intern.config.schema import Config, Model, Recipe
from intern.records import Score, Trial
from intern.report import text
from intern.study import ledger
from intern.trial import worker

TEMPLATE = Path(__file__).with_name("templates") / "card.md"
SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$&])")
PLACE = re.compile(r"(?<![^\s='\"])[~/][^\s'\"=]*/")  # the folders of an absolute path


def write(study: Path, export: Path, number: int) -> None:
    """Write README.md into the export of trial `number`; its confirmation on test has to be in the ledger."""
    import jinja2

    trials = ledger.trials(study)
    winner = trials[number]
    final = next(t for t in reversed(trials) if t.kind == "confirm" and t.state == "COMPLETE" and t.parent == number)
    chosen = worker.read_config(study / "trials" / f"{number:03d}")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(prose=prose, code=code, fence=fence)
    card = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        front=front(study, chosen, winner, final),
        name=study.resolve().name,
        base=base_name(chosen.model),
        recipe=chosen.recipe,
        winner=winner,
        scores=[*rows(trials[0], "base"), *rows(winner, "this model"), *rows(final, "this model")],
        compared=text.proofs(study, trials[0], final),
        repeats=text.repeats(trials, winner),
        counted=counted(trials),
        tasks=sorted({score.task for score in final.scores}),
        data=data(study, chosen, winner),
        goal=chosen.goal,
        yaml=library.dump(chosen.recipe),
        known=json.loads((study / "study.json").read_text()),
        start=started(study),
        pinned=Path(chosen.model.path).is_dir() or chosen.model.revision,
    )
    (export / "README.md").write_text(card, encoding="utf-8")


def front(study: Path, chosen: Config, winner: Trial, final: Trial) -> str:
    """The YAML front matter, with the scores on test as the Hub's model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    found = [
        EvalResult(
            task_type="text-generation",
            dataset_type=line(score.task),
            dataset_name=line(score.task),
            dataset_split=score.split,
            metric_type=line(score.metric),
            metric_value=score.value,
            metric_args={"stderr": score.stderr, "n": score.n, "shots": score.shots},
        )
        for score in final.scores
    ]
    return ModelCardData(
        base_model=base_name(chosen.model),
        datasets=hub_sets(chosen.recipe) or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["intern", line(winner.recipe or ""), *(s for s in chosen.recipe.stages if s in ("sft", "grpo"))],
        model_name=study.resolve().name,
        eval_results=found,
    ).to_yaml()


def base_name(model: Model) -> str:
    """A Hub model's repository, else the name of a local one; never a path of this machine."""
    if not Path(model.path).is_dir():
        return model.path
    return Path(model.path).resolve().name if model.name == "local" else line(model.name)


def hub_sets(recipe: Recipe) -> list[str]:
    """The Hub data sets that the recipe trains on."""
    return sorted({s.hub for s in recipe.data.mix if s.hub}) if "data" in recipe.stages else []


def rows(trial: Trial, who: str) -> list[tuple[str, Score]]:
    """A trial's lines of the table of scores."""
    return [(who, score) for score in sorted(trial.scores, key=lambda s: (s.split, s.shots))]


def counted(trials: tuple[Trial, ...]) -> dict[str, int]:
    """How many trials the winner was chosen from, by how they ended."""
    tried = [t.state for t in trials if t.kind not in ("baseline", "confirm")]
    return {state: tried.count(state) for state in sorted(set(tried))}


def data(study: Path, chosen: Config, winner: Trial) -> dict[str, Any]:
    """What it was trained on: each source with its revision, and how many rows were left."""
    made = [row["out"] for row in winner.stages if row["stage"] in ("data", "synthetic")]
    with (study / "stages" / made[-1] / "rows.jsonl").open(encoding="utf-8") as file:
        count = sum(1 for _ in file)
    return {"mix": chosen.recipe.data.mix if "data" in chosen.recipe.stages else [], "rows": count}


def started(study: Path) -> dict[str, Any]:
    """The last start: its command without the folders of this machine, and the library versions."""
    last: dict[str, Any] = {"command": None, "versions": worker.versions(), **(ledger.starts(study) or [{}])[-1]}
    return last | {"command": PLACE.sub("PATH/", last["command"]) if last["command"] else None}


def line(text: str) -> str:
    """Text on one line."""
    return " ".join(str(text).split())


def prose(text: str) -> str:
    """Foreign text inside a sentence: one line, every sign that Markdown or HTML reads escaped."""
    return SPECIAL.sub(r"\\\1", line(text))


def code(text: str) -> str:
    """Foreign text as a code span that it cannot close, in a table too."""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    inner = line(text).replace("|", "¦")
    return f"{ticks} {inner} {ticks}" if "`" in inner else f"{ticks}{inner}{ticks}"


def fence(text: str, language: str = "") -> str:
    """A block of code that no run of backticks inside can close."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"
