"""The report as text: what a person reads at the end of a study, and with nothing learnt."""

import shlex
import shutil
from pathlib import Path

from test_report import EVIL, ITEMS, Study, full, remedied, unlearnt

from intern import files
from intern.data import items
from intern.report import fmt, share, text
from intern.study.reader import Reader
from intern.trial import job as jobs


def test_nothing_learnt(tmp_path: Path) -> None:
    """Scores, rows that went, answers of each kind, advice with the command that it goes to; a line for each."""
    told = text.whole(Reader(unlearnt(tmp_path / "study"))).splitlines()
    (trial,) = [line for line in told if line.startswith("  1 propose")]
    assert f"no_learning in sft, seen at the end, checkpoint kept: loss is 2 {EVIL}" in trial
    at = told.index("Rows of trial 1, data: 6 of 9 kept")
    assert told[at + 1].startswith("  9 rows were held against 12 dev, 15 test </script>")
    assert told[at + 1].endswith(" items (decontamination 1): 2 went, 4 nearly matched")
    assert told[at + 2].startswith("  1 row: question or target is blank; such as “")
    assert told[at + 3].startswith("  2 rows: runs of words are shared with a held-out item; such as “What is 1?")
    assert f"(test 3: “{EVIL}”)" in told[at + 3]
    assert told[at + 4].startswith("  4 rows: kept, though near to it: a held-out item with other numbers; such as")
    at = told.index("Answers on dev, 4 of 40:")
    assert told[at + 1 : at + 3] == ["  base: 34 wrong, 6 right", "  trial 1: 36 no answer read, 4 right"]
    assert told[at + 3 : at + 5] == ["  - asked: What is 6 + 1?", "    expected: 7"]
    assert told[at + 5].startswith("    base, wrong: </script>")
    assert told[at + 6].startswith("    trial 1, no answer read: No. </script>")
    assert len([line for line in told if line.startswith("  - asked")]) == 4
    command = "python -m intern goal=sums model=tiny recipe=generated/sft study=study-2 …"
    at = told.index(f"What to try next, each in a new study: {command}")
    advised = told[at + 1 :]
    assert all(line.startswith("  - ") for line in advised) and len(advised) == 3
    assert advised[2].startswith("  - Trial 1: no_learning at sft step 18 (seen at the end, checkpoint kept): loss")
    assert advised[0].startswith("  - The scorer exact_answer can read no answer in 90.0 % of what trial 1 wrote")
    assert advised[0].endswith("Try recipe.sft.learning_rate=0.00033, or recipe.sft.learning_rate=0.0001.")


def test_a_confirmed_study(tmp_path: Path) -> None:
    """The claim, and how to go on in a new study; no advice, no samples."""
    study = Reader(full(tmp_path / "study"))
    told = text.whole(study).splitlines()
    at = told.index("To go on, start a new study: the test items of this one are spent, and are the same there.")
    commands = [shlex.split(line) for line in told[at + 2 :: 2]]
    assert [words[:3] for words in commands] == [["python", "-m", "intern"]] * 2
    assert commands == [shlex.split(command) for _, command in share.onward(study, study.winner)]
    assert not any(line.startswith(("What to try next", "Answers on dev", "Beware")) for line in told)


def test_a_winner_with_one_answer(tmp_path: Path) -> None:
    """It is said under the claim."""
    folder = full(tmp_path / "study")
    place = folder / "trials" / "001" / "1-score" / "samples.jsonl"
    items.write(place, [{**row, "response": "ANSWER: no"} for row in items.read(place)])
    said = "Beware: trial 1 gives one answer, “ANSWER: no”, to every dev item, and is right in 60.0 % of them."
    assert said in text.whole(Reader(folder)).splitlines()


def test_a_stop_and_nothing_scored(tmp_path: Path) -> None:
    """The base's answers alone, and the remedies that are left."""
    study = Study(tmp_path / "study")
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(None, state="FAIL", reason="sft: out of memory")
    remedied(study)
    told = text.whole(Reader(study.folder))
    assert "Answers on dev, 4 of 40:" in told and "Not confirmed on test" in told


def test_a_ledger_alone(tmp_path: Path) -> None:
    """A study whose trial folders are gone is told as far as the ledger goes."""
    folder = unlearnt(tmp_path / "study")
    shutil.rmtree(folder / "trials")
    told = text.whole(Reader(folder)).splitlines()
    assert told[2:4] == [fmt.line(trial) for trial in Reader(folder).trials] and len(told) == 7


def test_notes_of_the_last_attempt(tmp_path: Path) -> None:
    """An attempt that began anew has noted nothing yet; a place that ran twice is named by its last stage."""
    study = Study(tmp_path / "study")
    study.add(6, kind="baseline", recipe=None)
    trial = study.add(7)
    path = study.folder / "trials" / "001" / jobs.EVENTS
    reader = Reader(study.folder)
    assert reader.notes(trial) == []
    files.append(path, {"event": "symptom", "place": 0, "rule": "truncation", "step": 20, "text": "60% are cut"})
    (note,) = reader.notes(trial)
    assert fmt.note(note) == "truncation in sft, seen at the end, checkpoint kept: 60% are cut"
    assert fmt.note(note) in fmt.line(trial, [note]) and ITEMS == 40
    files.append(path, {"event": "start", "attempt": 2})
    assert reader.notes(trial) == []
