"""What `python -m intern plan` foretells, beside what is measured: memory at the peak and seconds of a step.

Each case is one training stage, run as a worker runs it, in a process of its own: on a CPU its peak of resident memory,
on a GPU that of CUDA's allocator (where torch sees one). Seconds of a step are the median, the first left out: on a CPU
those of the process, which other programs do not lengthen much, so with one thread they are as on an idle machine.

    OMP_NUM_THREADS=1 python scripts/bench_plan.py                  # random models of two sizes, and the embedded one
    OMP_NUM_THREADS=1 python scripts/bench_plan.py smollm2-135m     # a cached model
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from intern.config import typed
from intern.config.schema import Config

SIZES = {
    "random-2M": {"hidden": 192, "layers": 6, "heads": 3, "kv_heads": 1, "intermediate": 512, "positions": 1024},
    "random-25M": {"hidden": 512, "layers": 10, "heads": 8, "kv_heads": 2, "intermediate": 1536, "positions": 1024},
}
SFT = {"max_steps": 6, "max_length": 512, "learning_rate": 1e-5, "logging_steps": 1, "per_device_train_batch_size": 8}
GRPO = {**SFT, "num_generations": 4, "max_completion_length": 48}
GRPO.pop("max_length")
CASES: dict[str, dict[str, Any]] = {
    "sft": {"stages": ["data", "sft"], "sft": {**SFT, "activation_checkpointing": False}},
    "sft, checkpointing": {"stages": ["data", "sft"], "sft": {**SFT, "activation_checkpointing": True}},
    "sft, LoRA": {"stages": ["data", "sft"], "sft": {**SFT, "activation_checkpointing": False}, "lora": 16},
    "grpo": {"stages": ["data", "grpo"], "grpo": {**GRPO, "activation_checkpointing": False}},
}


def main(names: list[str]) -> None:
    """Print a row for each model and case."""
    print("model | case | memory foretold, GB | measured | measured/middle | step foretold, s | measured | ratio")
    print("--- | --- | --- | --- | --- | --- | --- | ---")
    with tempfile.TemporaryDirectory() as place:
        for name in names or ["tiny", *SIZES]:
            for case in CASES:
                told = child(name, case, place)
                cells = [f"{told[key][0]:.3g}-{told[key][1]:.3g} | {told[seen]:.3g}" for key, seen in PAIRS]
                shares = [told[seen] / (told[key][0] * told[key][1]) ** 0.5 for key, seen in PAIRS]
                texts = [f"{cell} | {share:.2f}" for cell, share in zip(cells, shares, strict=True)]
                print(f"{name} | {case} | {' | '.join(texts)}", flush=True)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    print(f"\nload average {load} on {os.cpu_count()} cores, nice {os.nice(0)}, OMP_NUM_THREADS={threads}")


PAIRS = (("memory", "peak"), ("step", "took"))


def child(name: str, case: str, place: str) -> dict[str, Any]:
    """Return what one case foretold and took, run in a process of its own."""
    ended = subprocess.run([sys.executable, __file__, "--one", name, case, place], capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr[-2000:])
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def one(name: str, case: str, place: Path) -> None:
    """Foretell and run one case; print both as JSON."""
    from intern.data import items, lengths
    from intern.machine import memory, speed, target
    from intern.stages import Task
    from intern.trial import worker

    config = config_of(name, case, place)
    (kind,) = [stage for stage in config.recipe.stages if stage != "data"]
    stage = worker.stage(kind)
    settings = getattr(config.recipe, kind)
    worker.prepare(None)
    machine = replace(target.target(config.compute), busy=1.0)
    known = lengths.of(config.goal, config.model)
    cost = stage.cost(settings, config, None)
    need = memory.need(cost, config, known, machine.gpu, machine.memory)
    assert cost.training
    writes = cost.writing and replace(cost.writing, answers=cost.training.batch)
    once = replace(cost, training=replace(cost.training, steps=1), writing=writes)
    spent = speed.seconds(once, config, known, machine)
    assert spent
    folder = Path(tempfile.mkdtemp(dir=place))
    rows = folder / "rows.jsonl"
    items.write(rows, items.take(items.generated(config.goal, "train", 0), 400))
    worker.load([kind])
    from intern.stages import _watch

    beats: list[float] = []
    clock = time.monotonic if machine.gpu else time.process_time
    beat = _watch.Watch.beat
    _watch.Watch.beat = lambda watch: (beats.append(clock()), beat(watch))[1]  # type: ignore[method-assign]
    out = folder / "out"
    out.mkdir()
    stage.run(Task(kind, settings, config, config.model.path, config.model.path, rows, folder, 0, out))
    whole = [later - earlier for earlier, later in zip(beats[1:], beats[2:], strict=False)]
    step = spent + speed.STARTED.times(-1.0)
    told = {
        "memory": [need.low / 1e9, need.high / 1e9],
        "peak": peak(machine.gpu) / 1e9,
        "step": [step.low, step.high],
        "took": statistics.median(whole),
    }
    print(json.dumps(told))


def peak(gpu: bool) -> float:
    """Return the most bytes that this process has had: resident, or of CUDA's allocator."""
    if gpu:
        import torch

        return float(torch.cuda.max_memory_reserved())
    status = Path("/proc/self/status").read_text()
    return 1024.0 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def config_of(name: str, case: str, place: Path) -> Config:
    """Return the config of one case; a random model is made."""
    from intern import scratch
    from intern.cli.compose import compose
    from intern.config import choices, fit
    from intern.config.library import Library
    from intern.study import pretrained

    choices.register(Library())
    goal, threads = "goal=arithmetic", "compute.threads=1"
    if name in SIZES:
        folder = place / name
        if not folder.exists():
            tokenizer = scratch.tokenizer()
            scratch.save(scratch.qwen3(tokenizer, **SIZES[name], seed=0), tokenizer, folder)
        tree = compose([goal, "model=local", f"model.path={folder}", "model.dtype=float32", threads], Library())
    else:
        tree = compose([goal, f"model={name}", threads], Library())
    tree["recipe"] = {"name": case, "rewards": {"goal": 1.0}, **CASES[case]}
    config = typed.config({**tree, "diagnose": False})
    model = config.model
    if model.package and pretrained.place(model).is_dir():
        model = replace(model, path=str(pretrained.place(model)))
    return replace(config, model=fit.model(model))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        main(sys.argv[1:])
