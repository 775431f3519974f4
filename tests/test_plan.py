"""`python -m intern plan`: what a study will take, as a person and as a program reads it."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commandline import Run, refused, run
from conftest import scope
from test_machine import CARD

from intern.config import schema
from intern.config.library import Library
from intern.machine.target import Target
from intern.overrides import Overrides
from intern.records import Score, StageRun, Trial
from intern.study import ledger, measured
from intern.study.ledger import Ledger
from intern.study.plan import Planner
from intern.trial import job as jobs
from intern.trial.job import Result

__all__ = ["run"]  # a fixture
LARGE = ("goal=arithmetic", "model=qwen3-1.7b", "recipe=generated/sft_grpo")
SMALL = ("goal=arithmetic", "model=tiny", "recipe=generated/sft")


def test_a_table(run: Run) -> None:
    """A row for each stage, what is done once, the sum in hours and dollars, and what the budget makes of it."""
    ended = run("plan", *LARGE, "compute=h200", "budget.trials=10", "budget.hours=0.01")
    assert ended.status == 0 and not ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith("H200: 141.0 GB for a trial, 989 TFLOP/s, 4,800 GB/s, by its data sheet")
    starts = [line.split("  ")[0] for line in lines]
    assert [name for name in ("synthetic", "sft", "grpo", "score dev", "winner score test") if name not in starts] == []
    assert "The study, with 10 trials: " in lines[-1] and "$" in lines[-1] and "ends it before" in lines[-1]


def test_as_json(run: Run) -> None:
    """The same as numbers: bytes, seconds, dollars; a range from low to high each."""
    made = json.loads(run("plan", *LARGE, "compute=h200", "--json").out)
    sft = made["recipes"]["generated/sft_grpo"][1]
    assert sft["title"] == "sft" and sft["rows"] == "32 x 1" and sft["runs"] == 0
    assert 16 * 1.72e9 < sft["memory"]["low"] < sft["memory"]["high"] < 141e9
    assert 0 < sft["seconds"]["low"] < sft["seconds"]["high"] and made["dollars"]["high"] > made["dollars"]["low"] > 0


def test_what_does_not_fit(run: Run) -> None:
    """The words that help, which do: with them it fits. What no words help is said too."""
    ended = run("plan", *LARGE, "compute=l4")
    needs = next(line for line in ended.out.splitlines() if "sft needs:" in line)
    words = needs.partition(": ")[2].split()
    assert ended.status == 2 and "recipe.lora=16" in words
    again = run("plan", *LARGE, "compute=l4", *words)
    assert "sft needs" not in again.out and " yes " in again.out
    tight = run("plan", *LARGE, "compute=l4", "compute.device.memory_gb=3")
    assert "a smaller model, or a machine with more memory" in tight.out and tight.status == 2


def test_fewer_rows_at_once(run: Run) -> None:
    """They are chosen by the memory, and the batch is the recipe's."""
    words = (*LARGE[:2], "recipe=generated/sft", "recipe.lora=16", "recipe.sft.max_length=2048", "compute=l4")
    rows = run("plan", *words, "compute.device.memory_gb=11.5").out
    assert "recipe.sft.per_device_train_batch_size=" in rows and "sft runs as: " in rows
    seen = re.search(r"^sft .* (\d+) x (\d+) ", rows, re.MULTILINE)
    assert seen and int(seen[1]) * int(seen[2]) == 32 and int(seen[1]) < 32


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("model=qwen3-1.7b", "compute=h1000"), ("compute", "h100")),
        (("model=someone/else",), ("model",)),
        (("model=qwen3-1.7b", "compute.device.name=B200", "compute=local"), ("compute.device.tflops", "compute=h200")),
    ],
)
def test_refusals(run: Run, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """One message with what was wrong and the legal choices."""
    refused(run("plan", *words), *parts, short=False)


def test_a_model_of_unknown_sizes(run: Run) -> None:
    """They are asked for, and taken."""
    words = ("plan", "goal=arithmetic", "model=qwen3-1.7b", "recipe=generated/sft", "compute=h100")
    refused(run(*words, "model.shape.layers=0"), "The sizes of model qwen3-1.7b", "model.shape.layers=28")
    assert run(*words).status == 0


def test_no_torch_and_quick() -> None:
    """For a GPU nothing heavy is loaded, and its own time is that of a small command."""
    code = (
        "import sys, time; from intern.cli.app import call; begun = time.process_time(); "
        f"call(['plan', *{list(LARGE)!r}, 'compute=h100']); "
        "print(time.process_time() - begun, [m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True)
    seconds, _, heavy = ended.stdout.splitlines()[-1].partition(" ")
    assert heavy == "[]" and float(seconds) < 1.5, ended


def test_what_earlier_studies_took(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaces what is computed, on the machine that it was measured on, for the same goal and model alone."""
    monkeypatch.chdir(tmp_path)
    asked = scope(library, *SMALL, "study=earlier")
    here = replace(CARD, here=True)
    computed = rows(asked, here)
    took = computed[1].seconds.middle * 7
    folder = tmp_path / "outputs" / "earlier"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(
        json.dumps({"goal": {"name": "arithmetic"}, "model": {"name": "tiny"}, "pins": None, "recipes": {}}
                   | dict.fromkeys(("model_hash", "data_hash", "items_hash"), "x"))
    )
    written = Ledger(folder)
    written.propose(Trial(0, "baseline", "RUNNING"))
    written.finish(0, Result("COMPLETE"))
    written.propose(Trial(1, "propose", "RUNNING", recipe="generated/sft", overrides=Overrides()))
    run = StageRun("sft", "sft", "sft-x", False, took)
    score = Score("arithmetic", "dev", "exact_match", 0.5, 0.1, 40)
    written.finish(1, Result("COMPLETE", scores=(score,), stages=(run, replace(run, reused=True, seconds=0.0))))
    place = folder / "trials" / "001"
    place.mkdir(parents=True)
    config = replace(asked.config, recipe=asked.recipes["generated/sft"])
    (place / jobs.CONFIG).write_text(jobs.yaml.dump(jobs.portable(config).tree(), Dumper=jobs.DUMPER))
    assert ledger.under(tmp_path / "outputs") == ["earlier"]
    seen = rows(asked, here)
    assert seen[1].runs == 1 and seen[1].seconds.low * measured.AGAIN == pytest.approx(took)
    assert seen[2].runs == 0 and seen[2].seconds == computed[2].seconds
    assert rows(asked, CARD)[1].runs == 0
    assert rows(scope(library, "goal=sorting", *SMALL[1:]), here)[1].runs == 0


def rows(asked: object, machine: Target) -> tuple:  # type: ignore[type-arg]
    """The stages of a trial of the only recipe."""
    (one,) = Planner(asked, machine).plan().recipes.values()  # type: ignore[arg-type]
    return one


def test_more_trials_than_the_budget_counts(library: Library) -> None:
    """Several recipes are first tried cheaply; a fixed proposer tries one."""
    several = scope(library, "goal=arithmetic", "model=tiny", "budget.trials=6")
    assert len(several.recipes) > 1
    few, many = Planner(several, CARD).plan().trials
    assert few == 6 < many
    assert Planner(scope(library, *SMALL, "proposer=fixed"), CARD).plan().trials == (1.0, 1.0)
