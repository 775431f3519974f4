"""Looks at what is held back are priced, and a training saves its state by the clock."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern.config.schema import Compute, Config
from intern.stages import Task, _watch

SHORT, LONG = 1.0, 1000.0


@given(st.sampled_from([1, 2, 4, 8]), st.floats(0, 1e3), st.floats(0, 1e6))
def test_what_is_affordable(most: int, cost: float, budget: float) -> None:
    """As many looks as fit with the first one, a power of two, or none; twice as many would not fit."""
    looks, spent = _watch.affordable(most, cost, budget)
    assert looks in (0, 1, 2, 4, 8) and looks <= most and spent == (looks + 1) * cost
    assert looks == 0 or spent <= budget
    assert looks == most or (max(2 * looks, 1) + 1) * cost > budget


@given(st.sampled_from([1, 2, 4, 8]), st.integers(8, 500))
def test_looks_are_spread_evenly(looks: int, steps: int) -> None:
    """So many of them, the last at the last step."""
    states = (SimpleNamespace(global_step=step, max_steps=steps) for step in range(1, steps + 1))
    due = [state.global_step for state in states if _watch.due(state, looks)]
    assert len(due) == looks and due[-1] == steps


class Rows:
    """Held-out rows on which a look costs given seconds of a clock."""

    def __init__(self, clock: "Clock", written: float, evaluated: float) -> None:
        self.clock, self.costs, self.taken = clock, {"written": written, "evaluated": evaluated}, [0, 0]
        self.model = Model()
        self.has_loss, self.evaluated_rows = True, 16

    def try_out(self) -> None:
        """Answer a quarter of the rows."""
        self.clock.now += self.costs["written"] / 4

    def written(self) -> dict[str, Any]:
        """Look at what the model writes."""
        self.clock.now += self.costs["written"]
        self.taken[0] += 1
        return {"right_rate": 0.5}

    def evaluated(self) -> None:
        """Look at the loss."""
        self.clock.now += self.costs["evaluated"]
        self.taken[1] += 1


class Model:
    """What a look leaves as it was."""

    device = SimpleNamespace(type="cpu")
    training = True

    def train(self, mode: bool) -> None:
        """Set the mode."""
        self.training = mode


class Clock:
    """A clock that goes on when it is told."""

    now = 0.0

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The watch's clock."""
    made = Clock()
    monkeypatch.setattr(_watch, "time", made)
    return made


def trained(out: Path, clock: Clock, rows: Rows, steps: int, each: float, first: int = 1, **compute: Any) -> list[bool]:
    """Train from a step to the end, so many seconds a step; return at which steps the state was saved."""
    task = Task("sft", None, Config(compute=Compute("local", **compute), diagnose=False), "", "", None, out, 0, out)
    out.mkdir(exist_ok=True)
    watch = _watch.Watch(task, rows, 8)  # type: ignore[arg-type]
    state, control = SimpleNamespace(global_step=first - 1, max_steps=steps), SimpleNamespace(should_log=True)
    args = SimpleNamespace(per_device_train_batch_size=8, gradient_accumulation_steps=13)
    watch.on_train_begin(args, state, control)
    saved = []
    for step in range(first, steps + 1):
        clock.now += each
        state.global_step, control.should_save = step, False
        watch.on_step_end(None, state, control)
        saved.append(control.should_save)
        if control.should_save:
            (out / "partial" / f"checkpoint-{step}").mkdir()
            watch.on_save(SimpleNamespace(output_dir=str(out / "partial")), state, control)
            assert [path.name for path in (out / "partial").glob("checkpoint-*")] == [f"checkpoint-{step}"]
    return saved


@pytest.mark.parametrize(
    ("written", "evaluated", "looks"),
    [
        (1.0, 0.5, [9, 9]),  # 13.5 of 400 s
        (7.5, 0.5, [2, 9]),  # one more at 7.5 s fits: 15 + 4.5 of 20 s
        (50.0, 0.5, [0, 9]),  # the first alone would be too much, a quarter of it shows; what costs little goes on
        (30.0, 30.0, [1, 1]),  # the loss foretells a stage that is much longer than this one is
    ],
)
def test_looks_cost_a_twentieth(
    tmp_path: Path, clock: Clock, written: float, evaluated: float, looks: list[int]
) -> None:
    """Of a stage of 400 seconds 20 at most, if the first look leaves something of them."""
    rows = Rows(clock, written, evaluated)
    trained(tmp_path, clock, rows, steps=40, each=10.0)
    assert rows.taken == looks
    if evaluated < 1:
        assert rows.taken[0] * written + written / 4 + rows.taken[1] * evaluated <= 20.0 + written / 4


def test_a_person_may_pay_for_more(tmp_path: Path, clock: Clock) -> None:
    """With compute.look_share."""
    rows = Rows(clock, 7.5, 0.5)
    trained(tmp_path, clock, rows, steps=40, each=10.0, look_share=0.5)
    assert rows.taken == [9, 9]


def test_a_stage_that_goes_on_keeps_its_plan(tmp_path: Path, clock: Clock) -> None:
    """However fast the steps are now."""
    trained(tmp_path, clock, Rows(clock, 7.5, 0.5), steps=40, each=10.0)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["step"] <= 20]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    again = Rows(clock, 7.5, 0.5)
    trained(tmp_path, clock, again, steps=40, each=0.001, first=21)
    assert again.taken == [1, 4]


def test_saved_by_the_clock(tmp_path: Path, clock: Clock) -> None:
    """Every five minutes of the steps, not at the last one; with 0 minutes after each step. The last one is kept."""
    rows = Rows(clock, 0.0, 0.0)
    saved = trained(tmp_path, clock, rows, steps=10, each=100.0, checkpoint_minutes=5.0)
    assert [step for step, one in enumerate(saved, 1) if one] == [3, 6, 9]
    saved = trained(tmp_path / "more", clock, rows, steps=3, each=0.1, checkpoint_minutes=0.0)
    assert saved == [True, True, False]
