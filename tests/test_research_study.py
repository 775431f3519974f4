"""What a study makes of evidence: it begins with what is known, and shows what came of each claim."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import scope
from made import IDLE
from test_report import NAMES, Study

from intern import records
from intern.config.library import Library
from intern.report import evidence as shown
from intern.report import page
from intern.research import bundled
from intern.research.evidence import Evidence
from intern.study import evidence, run
from intern.study.reader import Reader

LOSS, GAIN = Evidence("arXiv:1", "t", 2024, "rewards help", "grpo"), Evidence("arXiv:2", "t", 2024, "steps help", "sft")


def test_what_came_of_evidence(tmp_path: Path) -> None:
    """By the best trial of the recipes that it bears on, compared with the base item by item."""
    study = Study(tmp_path / "study")
    study.add(6, kind="baseline", recipe=None)
    assert [row.came for row in shown.followed(Reader(study.folder), [GAIN, LOSS])] == ["not tried"] * 2
    study.add(30)
    study.add(28)
    study.add(0, recipe=NAMES["grpo"])
    study.add(None, recipe=NAMES["grpo"], state="FAIL")
    study.add(None, recipe=NAMES["grpo"], state="REJECTED")
    reader = Reader(study.folder)
    gain, loss, other = shown.followed(reader, [GAIN, LOSS, replace(GAIN, technique="synthetic")])
    assert (gain.came, gain.best, gain.trials) == ("better than the base", 1, (1, 2))
    assert (loss.came, loss.best, loss.trials[:2]) == ("worse than the base", 3, (3, 4))
    assert other.came == "not tried" and other.verdict is None
    assert next(shown.lines(reader, [GAIN])).startswith("better than the base: trial 1, dev 75.0 ± ")


def test_the_page_shows_it(tmp_path: Path) -> None:
    """Each claim that bears on a trial, what a trial cites, and nothing of a quotation is markup."""
    study = Study(tmp_path / "study")
    study.add(6, kind="baseline", recipe=None)
    study.add(30, evidence=("arXiv:2",))
    quoted = replace(GAIN, quote="<script>alert(1)</script>")
    (study.folder / evidence.FILE).write_text(json.dumps([records.dump(quoted), records.dump(LOSS)]))
    text = page.write(study.folder).read_text()
    section = text[text.index('<section id="papers">') :].partition("</section>")[0]
    assert "steps help" in section and "cited by 1" in section and "better than the base" in section
    assert "rewards help" not in section and "&lt;script&gt;alert" in section and "1 of 2 claims" in section


def test_a_study_begins_with_what_is_known(
    tmp_path: Path, random_model: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept with the study, and stays as it was when more is known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("idle.yaml").write_text(IDLE)
    own = ("goal=arithmetic", f"model={random_model}", "recipe=idle.yaml", "goal.dev_items=12", "goal.test_items=12")
    more = ("goal.few_shot=0", "proposer=fixed", "study=idle", "compute.threads=1", "budget.trials=1")
    asked = scope(library, *own, *more)
    list(run.run(asked, library, lambda *_: pytest.fail("there is nothing to publish")))
    folder = Path("outputs") / "idle"
    assert evidence.of(folder) == bundled.evidence(asked.config.goal) != ()
    path = folder / evidence.FILE
    path.write_text(json.dumps(json.loads(path.read_text())[:1]))
    evidence.freeze(folder, asked.config.goal)
    assert len(json.loads(path.read_text())) == 1
    rows = shown.followed(Reader(folder), evidence.of(folder))
    assert {row.came for row in rows} == {"not known to be better", "not tried"}
