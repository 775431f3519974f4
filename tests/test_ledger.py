"""The ledger: what is written is read, a torn line is cut, one coordinator at a time."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intern.config import schema
from intern.errors import UserError
from intern.records import Diagnosis, Score, Trial, Verdict
from intern.study import ledger

share = st.floats(0, 1)
count = st.integers(0, 10**6)
words = st.lists(st.text(max_size=20), max_size=3).map(tuple)
scores = st.builds(
    Score,
    task=st.text(max_size=8),
    split=st.sampled_from(["dev", "test"]),
    metric=st.just("exact_match"),
    value=share,
    stderr=share,
    n=count,
    shots=st.integers(0, 8),
    parse_rate=st.none() | share,
    truncation_rate=st.none() | share,
)
diagnoses = st.builds(
    Diagnosis, st.text(max_size=8), st.just("grpo"), count, st.text(), st.lists(words, max_size=3).map(tuple)
)
verdicts = st.builds(Verdict, st.sampled_from(["keep", "discard", "undecided"]), count, count, count, share)
begun = st.builds(
    Trial,
    number=st.just(0),
    kind=st.sampled_from(["baseline", "propose", "sweep", "ablate", "repeat", "confirm"]),
    state=st.just("RUNNING"),
    parent=st.none() | count,
    recipe=st.none() | st.text(min_size=1, max_size=8),
    overrides=words,
    seed=count,
    hypothesis=st.text(),
)
ends = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["COMPLETE", "PRUNED", "FAIL"]),
        "scores": st.lists(scores, max_size=3).map(tuple),
        "diagnosis": st.none() | diagnoses,
        "reason": st.none() | st.text(),
        "stages": st.lists(st.fixed_dictionaries({"stage": st.text(), "seconds": share}), max_size=2).map(tuple),
        "seconds": st.none() | share,
    }
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(begun, st.none() | ends, st.none() | verdicts), max_size=4))
def test_what_is_written_is_read(history: list[tuple[Trial, dict[str, Any] | None, Verdict | None]]) -> None:
    """Any trials, ends and verdicts come back as they went in, and nothing else."""
    with TemporaryDirectory() as name:
        study, wanted = Path(name), []
        for number, (trial, end, verdict) in enumerate(history):
            trial = replace(trial, number=number)
            ledger.propose(study, trial)
            if end:
                on_disk = {
                    **end,
                    "scores": [asdict(score) for score in end["scores"]],
                    "diagnosis": asdict(end["diagnosis"]) if end["diagnosis"] else None,
                }
                ledger.finish(study, number, on_disk)
                trial = replace(trial, **end)
            if verdict:
                ledger.judge(study, number, verdict)
                trial = replace(trial, verdict=verdict)
            wanted.append(trial)
        assert ledger.trials(study) == tuple(wanted)
        assert ledger.end(study) is None


def test_end(tmp_path: Path) -> None:
    """The last event of a study, and no trial."""
    assert ledger.trials(tmp_path) == () and ledger.end(tmp_path) is None
    ledger.append(tmp_path, "end", reason="the target is met", winner=3)
    ended = ledger.end(tmp_path)
    assert ended is not None and ended["winner"] == 3


@pytest.mark.parametrize("torn", ['{"event": "tri', '{"event": "end", "time": 1.0}'])
def test_a_torn_line_is_cut(tmp_path: Path, torn: str) -> None:
    """A last line without its newline is not read, and is gone once the study is taken up again."""
    ledger.propose(tmp_path, Trial(0, "baseline", "RUNNING"))
    whole = (tmp_path / ledger.FILE).read_bytes()
    for cut in (torn.encode(), torn.encode()[:-1]):
        (tmp_path / ledger.FILE).write_bytes(whole + cut)
        assert len(ledger.trials(tmp_path)) == 1
        with ledger.locked(tmp_path):
            assert (tmp_path / ledger.FILE).read_bytes() == whole
    with ledger.locked(tmp_path):
        ledger.propose(tmp_path, Trial(1, "propose", "RUNNING"))
    assert [t.number for t in ledger.trials(tmp_path)] == [0, 1]


def test_one_coordinator_at_a_time(tmp_path: Path) -> None:
    """A second process is refused with the first one's number; when the first is killed, the way is free."""
    code = "import sys, time; from pathlib import Path; from intern.study import ledger\n"
    code += "with ledger.locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=schema.ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"already running \\(process {first.pid}\\)"), ledger.locked(tmp_path):
            pass
    finally:
        first.kill()
        first.communicate()
    with ledger.locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the folder's place is a mistake of the person's."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="outputs=PATH"), ledger.locked(tmp_path / "file" / "study"):
        pass
