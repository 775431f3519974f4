"""The ledger: what is written is read, a torn line is cut, one coordinator at a time."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intern.config import schema
from intern.errors import UserError
from intern.overrides import Overrides
from intern.records import Diagnosis, Score, StageRun, Trial, Verdict
from intern.study import ledger
from intern.study.ledger import Ledger
from intern.trial.job import Result

share = st.floats(0, 1)
count = st.integers(0, 10**6)
text = st.text(max_size=20)
values = st.booleans() | st.integers(-9, 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.just("word")
overrides = st.builds(Overrides, st.dictionaries(st.from_regex(r"[a-z]+\.[a-z_]+", fullmatch=True), values, max_size=3))
scores = st.builds(
    Score,
    task=text,
    split=st.sampled_from(["dev", "test"]),
    metric=st.just("exact_match"),
    value=share,
    stderr=share,
    n=count,
    shots=st.integers(0, 8),
    parse_rate=st.none() | share,
    truncation_rate=st.none() | share,
)
diagnoses = st.builds(Diagnosis, text, st.just("grpo"), count, text, st.lists(overrides, max_size=3).map(tuple))
verdicts = st.builds(Verdict, st.sampled_from(["keep", "discard", "undecided"]), count, count, count, share)
begun = st.builds(
    Trial,
    number=st.just(0),
    kind=st.sampled_from(["baseline", "propose", "sweep", "ablate", "repeat", "confirm"]),
    state=st.just("RUNNING"),
    parent=st.none() | count,
    recipe=st.none() | st.text(min_size=1, max_size=8),
    overrides=overrides,
    seed=count,
    fidelity=st.sampled_from([0.3, 1.0]),
    hypothesis=text,
)
runs = st.builds(StageRun, text, text, text, st.booleans(), share, text, st.integers(0, 8))
ends = st.builds(
    Result,
    state=st.sampled_from(["COMPLETE", "PRUNED", "FAIL"]),
    scores=st.lists(scores, max_size=3).map(tuple),
    diagnosis=st.none() | diagnoses,
    reason=st.none() | text,
    stages=st.lists(runs, max_size=2).map(tuple),
    seconds=share,
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(begun, st.none() | ends, st.none() | verdicts), max_size=4))
def test_what_is_written_is_read(history: list[tuple[Trial, Result | None, Verdict | None]]) -> None:
    """Any trials, ends and verdicts come back as they went in, and nothing else; read anew or as they are written."""
    with TemporaryDirectory() as name:
        written, wanted, heard = Ledger(Path(name)), [], {}
        written.listen(lambda trial: heard.__setitem__(trial.number, trial))
        for number, (trial, end, verdict) in enumerate(history):
            trial = replace(trial, number=number)
            written.propose(trial)
            if end:
                written.finish(number, end)
                trial = replace(trial, **vars(end))
            if verdict:
                written.judge(number, verdict)
                trial = replace(trial, verdict=verdict)
            wanted.append(trial)
        assert Ledger(Path(name)).trials == written.trials == list(heard.values()) == wanted
        assert Ledger(Path(name)).end is None


def test_end(tmp_path: Path) -> None:
    """The last event of a study, and no trial."""
    assert Ledger(tmp_path).trials == [] and Ledger(tmp_path).end is None
    Ledger(tmp_path).finish_study("the target is met", 3)
    ended = Ledger(tmp_path).end
    assert ended == {"reason": "the target is met", "winner": 3}


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    """A reader that is open sees what another appends, a half-written line when it is whole, and nothing twice."""
    reader, writer = Ledger(tmp_path), Ledger(tmp_path)
    seen: list[int] = []
    reader.listen(lambda trial: seen.append(trial.number))
    writer.propose(Trial(0, "baseline", "RUNNING"))
    reader.refresh()
    line = json.dumps({"event": "trial", "time": 1.0, "number": 1, "kind": "propose", "state": "RUNNING"}) + "\n"
    with (tmp_path / ledger.FILE).open("a") as file:
        file.write(line[:20])
        file.flush()
        reader.refresh()
        assert seen == [0]
        file.write(line[20:])
    reader.refresh()
    reader.refresh()
    assert seen == [0, 1] and len(reader.trials) == 2


def test_a_submission_is_there_before_its_handle(tmp_path: Path) -> None:
    """A coordinator that died in between leaves the name by which the launcher can be asked."""
    written = Ledger(tmp_path)
    written.submit(3, 2, "study-003-2")
    assert Ledger(tmp_path).handles[3] == {"number": 3, "attempt": 2, "name": "study-003-2"}
    written.submitted(3, "job 7")
    assert Ledger(tmp_path).handles[3]["handle"] == "job 7"


def test_a_study_of_an_older_version(tmp_path: Path) -> None:
    """One clear line; its files stay as they are."""
    (tmp_path / "stages").mkdir()
    (tmp_path / ledger.FILE).write_text('{"event": "trial", "time": 1.0, "number": 0, "kind": "baseline"}\n')
    before = (tmp_path / ledger.FILE).read_bytes()
    with pytest.raises(UserError, match="made by an older version of intern"), ledger.locked(tmp_path):
        pass
    with pytest.raises(UserError, match="made by an older version of intern"):
        ledger.opened(tmp_path)
    assert (tmp_path / ledger.FILE).read_bytes() == before


@pytest.mark.parametrize("torn", ['{"event": "tri', '{"event": "end", "time": 1.0}'])
def test_a_torn_line_is_cut(tmp_path: Path, torn: str) -> None:
    """A last line without its newline is not read, and is gone once the study is taken up again."""
    Ledger(tmp_path).propose(Trial(0, "baseline", "RUNNING"))
    whole = (tmp_path / ledger.FILE).read_bytes()
    for cut in (torn.encode(), torn.encode()[:-1]):
        (tmp_path / ledger.FILE).write_bytes(whole + cut)
        assert len(Ledger(tmp_path).trials) == 1
        with ledger.locked(tmp_path):
            assert (tmp_path / ledger.FILE).read_bytes() == whole
    with ledger.locked(tmp_path) as held:
        held.propose(Trial(1, "propose", "RUNNING"))
    assert [t.number for t in Ledger(tmp_path).trials] == [0, 1]


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
