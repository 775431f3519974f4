"""The model card: its numbers are the ledger's, the Hub's own reader takes it, and no text of a stranger gets out."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from intern import records
from intern.config.schema import ROOT, Config, Data, Goal, Model, Recipe, Sft, Source
from intern.data import items
from intern.records import Score, Trial
from intern.report import card
from intern.stages import Step
from intern.stats import paired
from intern.study import ledger
from intern.trial import worker

HOSTILE = 'fine\n---\nbase_model: evil\n``` <script>alert(1)</script> | [x](javascript:1) `a` "\'{{ 1 }}'


def score(split: str, value: float, shots: int = 0) -> Score:
    """A score on eight items."""
    return Score("sums", split, "exact_match", value, 0.125, 8, shots, 1.0, 0.0)


def ran(study: Path, trial: Trial, config: Config, scores: list[Score]) -> None:
    """Lay a trial out as the study and its worker do."""
    worker.write_job(study / "trials" / f"{trial.number:03d}", worker.Job(trial.number, 0, (), "m", "h", "i"), config)
    ledger.propose(study, trial)
    stages = [] if trial.kind == "baseline" else [asdict(Step("data")) | {"out": "data-1"}]
    for s in scores:
        out = f"score-{trial.number}-{s.split}-{s.shots}"
        (study / "stages" / out).mkdir(parents=True)
        right = round(s.value * s.n)
        items.write(
            study / "stages" / out / "samples.jsonl",
            [{"task": s.task, "doc_id": i, "value": float(i < right)} for i in range(s.n)],
        )
        stages.append(asdict(Step("score", s.split, s.shots)) | {"out": out})
    ended = {"state": "COMPLETE", "scores": [asdict(s) for s in scores], "diagnosis": None, "reason": None}
    ledger.finish(study, trial.number, {**ended, "stages": stages, "seconds": 1.0})


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study that has confirmed trial 1, whose recipe came from a stranger."""
    folder, base = tmp_path / "sums-m", tmp_path / "secret" / "base"
    (folder / "stages" / "data-1").mkdir(parents=True)
    base.mkdir(parents=True)
    items.write(folder / "stages" / "data-1" / "rows.jsonl", [{"question": "1+1"}] * 7)
    mix = [Source(hub="some/set", revision="abc123"), Source(goal=True)]
    recipe = Recipe("file/x", HOSTILE, [HOSTILE], stages=["data", "sft"], data=Data(mix), sft=Sft(max_steps=3))
    config = Config(Goal("sums", generator="arithmetic"), Model("local", str(base)), recipe, study="sums-m")
    config.proposer.name, config.compute.launcher = "fixed", "local"
    records.write_whole(folder / "study.json", {"model_hash": "hash-of-base", "items_hash": "hash-of-items"})
    command = f"python -m intern goal=arithmetic model={base}"
    ledger.append(folder, "start", command=command, versions={"torch": "9.9"})
    first = [score("dev", 0.25), score("test", 0.125), score("dev", 0.0, 4), score("test", 0.375, 4)]
    ran(folder, Trial(0, "baseline", "RUNNING"), config, first)
    ran(folder, Trial(1, "propose", "RUNNING", recipe="file/x"), config, [score("dev", 0.75)])
    ran(folder, Trial(2, "repeat", "RUNNING", recipe="file/x", seed=5), config, [score("dev", 0.625)])
    ran(folder, Trial(3, "confirm", "RUNNING", 1, "file/x"), config, [score("test", 0.875)])
    return folder


def test_the_numbers_are_the_ledger_s(study: Path, tmp_path: Path) -> None:
    """Front matter, table, paired comparison, repeats, data and versions."""
    from huggingface_hub import ModelCard

    card.write(study, tmp_path, 1)
    read = ModelCard.load(tmp_path / "README.md")
    (result,), final = read.data.eval_results, ledger.trials(study)[3]
    assert (result.dataset_split, result.metric_value) == ("test", final.scores[0].value)
    assert (read.data.base_model, read.data.datasets) == ("base", ["some/set"])
    assert (read.data.library_name, read.data.pipeline_tag) == ("transformers", "text-generation")
    table = [line for line in read.text.splitlines() if line.startswith(("| base", "| this"))]
    assert [row.split(" | ")[5] for row in table] == [
        *("25.0 ± 12.5 %", "0.0 ± 12.5 %", "12.5 ± 12.5 %", "37.5 ± 12.5 %", "75.0 ± 12.5 %", "87.5 ± 12.5 %")
    ]
    outcomes = [[{"task": "", "doc_id": i, "value": i < n} for i in range(8)] for n in (7, 1, 3)]
    for shots, theirs in ((0, outcomes[1]), (4, outcomes[2])):
        v = paired.compare(outcomes[0], theirs, 0)
        assert f"- against {shots}-shot: {v.wins} items won, {v.losses} lost, p = {v.p:.2g}\n" in read.text
    for told in ("- seed 5: 62.5 %", "7 rows of:", "revision `abc123`", "`hash-of-base`", "torch 9.9", "13 consecutive",
                 "among 2 trials (2 COMPLETE)", "model=PATH/base", "there was 1, on dev"):  # fmt: skip
        assert told in read.text, told
    assert str(tmp_path) not in read.content


def test_a_stranger_s_text_stays_text(study: Path, tmp_path: Path) -> None:
    """Nothing of a summary becomes front matter, a tag, a link or the end of a fence; the recipe comes back whole."""
    from huggingface_hub import ModelCard

    card.write(study, tmp_path, 1)
    read = ModelCard.load(tmp_path / "README.md")
    assert read.data.base_model == "base"
    body, recipe = read.text.split("````yaml\n")
    assert "\n---" not in body and "{{ 1 }}" in body
    assert "\\<script\\>" in body.split("\n## ")[0] and "\\[x\\]" in body.split("\n## ")[0]
    assert yaml.safe_load(recipe.split("\n````")[0])["summary"] == HOSTILE


def test_no_torch(study: Path, tmp_path: Path) -> None:
    """A card is written by the coordinator, which loads nothing heavy."""
    code = "import sys; from pathlib import Path; from intern.report import card\n"
    code += "card.write(Path(sys.argv[1]), Path(sys.argv[2]), 1); print('torch' in sys.modules)"
    command = [sys.executable, "-c", code, str(study), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("False\n", "")
