"""The model card: its numbers are the ledger's, the Hub's own reader takes it, and no text of a stranger gets out."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from made import IDENTITY, recipe_of

from intern import files
from intern.config.schema import ROOT, Compute, Config, Goal, Model, Proposer
from intern.data import items
from intern.data.cleaning import CARD
from intern.records import Score, StageRun, Trial
from intern.report import card
from intern.stats import paired
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.text import one_line
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Result

HOSTILE = "fine\n---\nbase_model: evil\n``` <script>alert(1)</script> | [x](javascript:1) `a` \"'{{ 1 }}"
ROWS = StageRun("data", "data", "data-1", False, 1.0)


def score(split: str, value: float, shots: int = 0) -> Score:
    """A score on eight items."""
    return Score("sums", split, "exact_match", value, 0.125, 8, shots, 1.0, 0.0)


def ran(ledger: Ledger, trial: Trial, config: Config, scores: list[Score], kind: str = "store") -> None:
    """Lay a trial out as the study and its worker do."""
    place = ledger.study / "trials" / f"{trial.number:03d}"
    base = Input("h", kind, "base" if kind == "store" else "some/model")
    job = Job(trial.number, 0, (), base, base, Input("i", "store", "items"), str(ledger.study / "store"))
    jobs.write(place, job, config)
    ledger.propose(trial)
    stages = [] if trial.kind == "baseline" else [ROWS]
    for s in scores:
        folder = place / f"{len(stages)}-score"
        folder.mkdir()
        rows = [{"task": s.task, "doc_id": i, "value": float(i < round(s.value * s.n))} for i in range(s.n)]
        items.write(folder / "samples.jsonl", rows)
        stages.append(StageRun("score", "score", f"score-{trial.number}", False, 1.0, s.split, s.shots))
    ledger.finish(trial.number, Result("COMPLETE", tuple(scores), stages=tuple(stages), seconds=1.0))


def made(tmp_path: Path, model: Model, kind: str = "store") -> Reader:
    """A study that has confirmed trial 1, whose recipe came from a stranger."""
    folder = tmp_path / "sums-m"
    (folder / "store" / "data-1").mkdir(parents=True)
    items.write(folder / "store" / "data-1" / "rows.jsonl", [{"question": "1+1"}] * 7)
    mix = [{"hub": "some/set", "revision": "abc123"}, {"goal": True}]
    recipe = recipe_of(
        "file/x",
        summary=HOSTILE,
        sources=[one_line(HOSTILE)],
        stages=["data", "polish"],
        data={"mix": mix},
        polish={"stage": "sft", "max_steps": 3},
    )
    parts = Goal("sums", generator="arithmetic"), model, recipe, Proposer("fixed")
    config = Config(*parts, compute=Compute("local"), study="sums-m")
    files.write_whole(folder / "study.json", IDENTITY)
    ledger = Ledger(folder)
    ledger.start(f"python -m intern goal=arithmetic model={tmp_path}/secret/base", {"torch": "9.9"})
    first = [score("dev", 0.25), score("test", 0.125), score("dev", 0.0, 4), score("test", 0.375, 4)]
    ran(ledger, Trial(0, "baseline", "RUNNING"), config, first, kind)
    ran(ledger, Trial(1, "propose", "RUNNING", recipe="file/x"), config, [score("dev", 0.75)])
    ran(ledger, Trial(2, "repeat", "RUNNING", recipe="file/x", seed=5), config, [score("dev", 0.625)])
    ran(ledger, Trial(3, "confirm", "RUNNING", 1, "file/x"), config, [score("test", 0.875)])
    return Reader(folder)


@pytest.fixture
def study(tmp_path: Path) -> Reader:
    """A study of a local model."""
    base = tmp_path / "secret" / "base"
    base.mkdir(parents=True)
    return made(tmp_path, Model("local", str(base)))


def test_the_numbers_are_the_ledger_s(study: Reader, tmp_path: Path) -> None:
    """Front matter, table, paired comparison, repeats, data and versions."""
    from huggingface_hub import ModelCard

    card.write(study, tmp_path, study.trials[1])
    read = ModelCard.load(tmp_path / "README.md")
    (result,), final = read.data.eval_results, study.trials[3]
    assert (result.dataset_split, result.metric_value) == ("test", final.scores[0].value)
    assert (read.data.base_model, read.data.datasets) == ("base", ["some/set"])
    assert (read.data.library_name, read.data.pipeline_tag) == ("transformers", "text-generation")
    assert read.data.tags == ["intern", "file/x", "sft"]
    table = [line for line in read.text.splitlines() if line.startswith(("| base", "| this"))]
    assert [row.split(" | ")[5] for row in table] == [
        *("25.0 ± 12.5 %", "0.0 ± 12.5 %", "12.5 ± 12.5 %", "37.5 ± 12.5 %", "75.0 ± 12.5 %", "87.5 ± 12.5 %")
    ]
    outcomes = [[{"task": "", "doc_id": i, "value": i < n} for i in range(8)] for n in (7, 1, 3)]
    for shots, theirs in ((0, outcomes[1]), (4, outcomes[2])):
        v = paired.compare(outcomes[0], theirs, 0)
        assert f"- against {shots}-shot: {v.wins} items won, {v.losses} lost, p = {v.p:.2g}\n" in read.text
    for told in (
        *("- seed 5: 62.5 %", "7 rows, made by", "revision `abc123`", "`hash-of-base`", "torch 9.9", "or like one"),
        *("among 2 trials (2 COMPLETE)", "model=PATH/base", "there was 1, on dev"),
    ):
        assert told in read.text, told
    assert str(tmp_path) not in read.content


def test_what_was_seen_at_the_end(study: Reader, tmp_path: Path) -> None:
    """Among its limits: a rule that fired at a stage's last step, and one answer to everything."""
    card.write(study, tmp_path, study.trials[1])
    told = (tmp_path / "README.md").read_text()
    assert "Seen at the end" not in told and "gives one answer" not in told
    place = study.place(1)
    begun = {"event": "stage", "place": 0, "title": "polish", "name": "polish", "stage": "sft"}
    begun.update(out="x", reused=True)
    symptom = {"event": "symptom", "place": 0, "rule": "overfitting", "step": 3, "text": f"loss rose | {HOSTILE}"}
    for row in (begun, symptom):
        files.append(place / "events.jsonl", row)
    samples = place / "1-score" / "samples.jsonl"
    items.write(samples, [{**row, "response": "ANSWER: <b>no</b>"} for row in items.read(samples)])
    card.write(Reader(study.folder), tmp_path, study.trials[1])
    limits = (tmp_path / "README.md").read_text().partition("## Limits")[2]
    assert "\n- Seen at the end, checkpoint kept: `overfitting` in `polish`, loss rose \\| fine" in limits
    assert "\n- trial 1 gives one answer, “ANSWER: \\<b\\>no\\</b\\>”, to every dev item, and is right in" in limits
    assert "<script>" not in limits and "\n---" not in limits


def test_a_stranger_s_text_stays_text(study: Reader, tmp_path: Path) -> None:
    """Nothing of a summary becomes front matter, a tag, a link or the end of a fence; the recipe comes back whole."""
    from huggingface_hub import ModelCard

    card.write(study, tmp_path, study.trials[1])
    read = ModelCard.load(tmp_path / "README.md")
    assert read.data.base_model == "base"
    body, recipe = read.text.split("````yaml\n")
    assert "\n---" not in body and "{{ 1 }}" in body
    assert "\\<script\\>" in body.split("\n## ")[0] and "\\[x\\]" in body.split("\n## ")[0]
    assert yaml.safe_load(recipe.split("\n````")[0])["summary"] == HOSTILE


def test_data_cards_go_with_it(study: Reader, tmp_path: Path) -> None:
    """What a stage wrote of its rows lies beside the card, which names it."""
    kept = study.place(1) / "0-data" / CARD
    kept.parent.mkdir()
    kept.write_text("# Synthetic rows\n")
    card.write(study, tmp_path, study.trials[1])
    assert (tmp_path / "data_data_card.md").read_text() == "# Synthetic rows\n"
    assert "[its data card](data_data_card.md)" in (tmp_path / "README.md").read_text()


def test_no_torch(study: Reader, tmp_path: Path) -> None:
    """A card is written by the coordinator, which loads nothing heavy."""
    code = """
import sys
from pathlib import Path
from intern.report import card
from intern.study.reader import Reader
study = Reader(Path(sys.argv[1]))
card.write(study, Path(sys.argv[2]), study.trials[1])
print('torch' in sys.modules)
"""
    command = [sys.executable, "-c", code, str(study.folder), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


def test_a_model_of_the_hub(tmp_path: Path) -> None:
    """It is named by its repository, and the card says that no revision was pinned."""
    from huggingface_hub import ModelCard

    study = made(tmp_path, Model("qwen", "some/model"), "hub")
    card.write(study, tmp_path, study.trials[1])
    read = ModelCard.load(tmp_path / "README.md")
    assert read.data.base_model == "some/model" and "The base was not pinned to a revision." in read.text


def test_where_rows_came_from(tmp_path: Path) -> None:
    """Sources one by one, other settings by name, whatever the stage is called."""
    recipe = recipe_of(stages=["synthetic", "more", "sft"], more={"stage": "data", "rows": 9})
    first, second = card.made(recipe)
    assert first == card.Rows("synthetic", [], {"rows": "2000", "style": "solution"})
    assert second == card.Rows("more", [{"goal": True}], {"rows": "9"})
