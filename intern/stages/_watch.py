"""The watch on a training: the metrics go to a file, the diagnosis rules see them, and a few rows are held back, which
the model under training answers now and then.

Looks at these rows are priced: the first one, before the first step, and the first steps are timed, and no more looks
are taken than cost the stage a given share of its time; if the first one alone would, it is left at the loss and a few
answers. Nothing of a look reaches the weights.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from intern import diagnosis, digests, files
from intern.records import Diagnosis
from intern.stages import PARTIAL, Task
from intern.stages._probe import HeldOut

METRICS = "metrics.jsonl"
LOOKS = ("written", "evaluated")  # methods of HeldOut: what the model writes, which costs the most, and its loss
BACKWARD = 3  # a training step costs about three times as much as the loss alone
WHOLE = 3  # times the price of the first answers: all of them at once cost less than one by one
SPEED = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "eval_num_tokens")


class Watch(TrainerCallback):
    """Appends each logged row to metrics.jsonl, looks at what is held back, lets the diagnosis rules end the stage."""

    def __init__(
        self, task: Task, held_out: HeldOut | None = None, looks: int = 0, counts_anew: bool = False, **first: float
    ) -> None:
        """Watch a stage.

        Args:
            task: the stage.
            held_out: the rows to look at, before the first step and then as often as their price allows.
            looks: the most looks after the first: a power of two.
            counts_anew: the trainer counts the tokens of its own process alone, whatever step it goes on from.
            first: metrics that are known before the first step.
        """
        self.task, self.path, self.first = task, task.out / METRICS, first
        self.held_out, self.most = held_out, looks
        self.rows: list[dict[str, Any]] = []
        self.diagnosis: Diagnosis | None = None
        self.cut: dict[str, int] | None = None
        self.plan: Mapping[str, int] = {}
        self.start = 0
        self.began = 0.0
        self.saved = 0.0
        self.counts_anew, self.tokens = counts_anew, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the rows of an earlier attempt up to the step that training goes on from."""
        rows = files.rows(self.path)
        self.rows = [row for row in rows if row["step"] <= state.global_step > 0]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        if not self.rows:
            if self.first:
                self.add(state, control, self.first)
            self.first_look(args, state, control)
        self.tokens = next((row["num_tokens"] for row in reversed(self.rows) if "num_tokens" in row), 0.0)
        self.start, self.began = state.global_step, time.monotonic()
        self.saved = self.began

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look if it is time, end if the trial's time is up, and save if it is time for that. No trainer checkpoint at
        the last step: the stage's own output follows at once."""
        self.beat()
        self.plan = self.plan or self.planned(state, control)
        self.look(state, control, {kind: due(state, looks) for kind, looks in self.plan.items()})
        if self.task.until is not None and time.monotonic() >= self.task.until and state.global_step < state.max_steps:
            self.cut = {"step": state.global_step, "steps": state.max_steps}
            control.should_training_stop = True
        elif time.monotonic() - self.saved >= 60 * self.task.config.compute.checkpoint_minutes:
            control.should_save = state.global_step < state.max_steps

    def beat(self) -> None:
        """Show from outside that a step was taken: logging may be rare."""
        (self.task.out / PARTIAL).mkdir(exist_ok=True)
        (self.task.out / PARTIAL / "step").touch()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the trainer's last checkpoint alone, once it has its digests, and count the minutes to the next one."""
        last = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        digests.seal(last)
        for earlier in last.parent.glob("checkpoint-*"):
            if earlier != last:
                shutil.rmtree(earlier)
        self.saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        """Add one row per logging step and per evaluation; the summary at the end of training is neither."""
        if logs and "loss" in logs:
            self.add(state, control, logs)
        elif logs and "eval_loss" in logs:
            kept = {key: value for key, value in logs.items() if key.startswith("eval_") and key not in SPEED}
            self.add(state, control, kept)

    def first_look(self, args: Any, state: Any, control: Any) -> None:
        """Look before the first step; not at what the model writes if that alone would cost too much of the stage, as
        the price of the loss and of the first answers foretells."""
        self.look(state, control, {"evaluated": True})
        share = self.task.config.compute.look_share
        loss = self.logged("evaluated_seconds") or 0.0
        if self.held_out and self.held_out.has_loss:
            batch = args.per_device_train_batch_size * args.gradient_accumulation_steps
            step = BACKWARD * loss * batch / self.held_out.evaluated_rows
            began = time.monotonic()
            with self.apart():
                self.held_out.try_out()
            cost = time.monotonic() - began
            if loss + (1 + WHOLE) * cost > share * step * state.max_steps:
                self.add(state, control, {"written_seconds": WHOLE * cost})
                return
        self.look(state, control, {"written": True})

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Keep what is done inside from the training: the random numbers and the model's mode are as before, for the
        weights must not depend on how often a stage is looked at."""
        assert self.held_out
        model = self.held_out.model
        training = model.training
        devices = [model.device] if model.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            try:
                yield
            finally:
                model.train(training)

    def look(self, state: Any, control: Any, kinds: Mapping[str, bool]) -> None:
        """Add what is seen of the rows held back by the kinds of look that are due; before the first step also what
        each costs."""
        if self.held_out is None:
            return
        log = control.should_log  # which an evaluation's own log clears
        for kind in (kind for kind in LOOKS if kinds.get(kind)):
            began = time.monotonic()
            with self.apart():
                if seen := getattr(self.held_out, kind)():
                    self.add(state, control, seen)
            if state.global_step == 0:
                self.add(state, control, {f"{kind}_seconds": time.monotonic() - began})
        control.should_log = log

    def planned(self, state: Any, control: Any) -> Mapping[str, int]:
        """Return how many looks of each kind the stage takes after the first, as an earlier attempt decided or as it is
        decided when the first of the most would be due; {} before that: none are taken yet."""
        if self.held_out is None:
            return {}
        decided = {kind: self.logged(f"{kind}_looks") for kind in LOOKS}
        if None not in decided.values():
            return {kind: int(count) for kind, count in decided.items()}
        done = state.global_step
        if done * self.most < state.max_steps:
            return {}
        step = (time.monotonic() - self.began) / (done - self.start)
        budget = self.task.config.compute.look_share * step * state.max_steps
        losses, texts = (self.logged(f"{kind}_seconds") or 0.0 for kind in ("evaluated", "written"))
        evaluations, cost = affordable(self.most, losses, max(budget / 2, budget - texts))  # one look at texts is paid
        writings, _ = affordable(self.most, texts, budget - cost)
        plan = {"evaluated": evaluations, "written": writings}
        told = {f"{kind}_looks": count for kind, count in plan.items()}
        self.add(state, control, {**told, "step_seconds": step})
        return plan

    def logged(self, key: str) -> Any:
        """Return the first value of a metric; None if it was not logged."""
        return next((row[key] for row in self.rows if key in row), None)

    def add(self, state: Any, control: Any, metrics: Mapping[str, Any]) -> None:
        """Append a row, and stop the training if a rule fires on the rows so far."""
        if self.counts_anew and "num_tokens" in metrics:
            metrics = {**metrics, "num_tokens": metrics["num_tokens"] + self.tokens}
        row = {"stage": self.task.name, "step": state.global_step, "steps": state.max_steps, **metrics}
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.task.config.diagnose and not self.diagnosis:
            self.diagnosis = diagnosis.check(self.task.name, self.rows, self.task.config)
        if self.diagnosis:
            control.should_training_stop = True
            control.should_save = False


def due(state: Any, looks: int) -> bool:
    """Return whether one of so many looks, which are spread evenly over the steps, falls on this step."""
    return bool(looks) and state.global_step * looks % state.max_steps < looks


def affordable(most: int, cost: float, budget: float) -> tuple[int, float]:
    """Return how many looks fit a budget beside the first one, `most` halved until they do, or none, and what they cost
    with the first one; all in seconds.

    Halved, so that a stage that is timed anew takes the same looks in all but a few cases."""
    looks = most
    while looks and (looks + 1) * cost > budget:
        looks //= 2
    return looks, (looks + 1) * cost
