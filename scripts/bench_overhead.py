"""What a trial costs beside a bare script: the same SFT on the same rows, once as a trial's stage, looked at, diagnosed
and recorded, and once as the few lines of TRL that a person would write. One table, with the ratio of the two and
whether the weights are the same to the byte.

The bare script is timed with its imports and without; a trial's stage is forked from a process that has paid them.
About three minutes, and a quarter of an hour with the pretrained model:

    python scripts/bench_overhead.py outputs/overhead
    python scripts/bench_overhead.py outputs/overhead --smollm2 DIR   # DIR: train.jsonl and test.jsonl of word problems
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from intern import files
from intern.config import schema
from intern.data import items
from intern.stages import _probe
from intern.study.reader import Reader
from intern.trial import job

SAME = ("learning_rate", "max_steps", "per_device_train_batch_size", "lr_scheduler_type", "warmup_steps", "max_length")
SMALL = ("goal.dev_items=20", "goal.test_items=20", "goal.few_shot=0")


def bare(rows: Path, model: str, settings: dict[str, Any], out: Path, began: float) -> None:
    """Train as a script of a few lines does, and print the seconds with and without the imports."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    imported = time.monotonic()
    lines = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    turns = [
        {
            "prompt": [{"role": "user", "content": row["question"]}],
            "completion": [{"role": "assistant", "content": row["target"]}],
        }
        for row in lines
    ]
    tokenizer = AutoTokenizer.from_pretrained(model)
    gpu = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(out / "trainer"), **settings, seed=0, bf16=gpu, use_cpu=not gpu, report_to="none",
        disable_tqdm=True, save_strategy="no", logging_steps=10, model_init_kwargs={"dtype": "float32"},
    )  # fmt: skip
    data = Dataset.from_list(turns)
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    trainer.model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    ended = time.monotonic()
    print(json.dumps({"with imports": ended - began, "without": ended - imported}))


def trial(out: Path, words: Sequence[str]) -> Reader:
    """Run a study of one trial to its end; return its reader."""
    fixed = ["proposer=fixed", "proposer.confirm=false", "quiet=true", f"outputs={out}", *SMALL, *words]
    subprocess.run([sys.executable, "-m", "intern", *fixed], check=True, cwd=schema.ROOT, stdout=subprocess.DEVNULL)
    return Reader(out / next(word.partition("=")[2] for word in words if word.startswith("study=")))


def measured(out: Path, words: Sequence[str]) -> tuple[str, ...]:
    """Return one row of the table: the study's trial beside the script."""
    study = trial(out, words)
    config, run = study.config(1), study.trials[1]
    made, trained = run.stages[:2]
    folders = [study.output(stage) for stage in (made, trained)]
    logged = files.rows(folders[1] / "metrics.jsonl")
    settings = {key: value for key in SAME if (value := getattr(config.recipe.sft, key)) is not None}
    settings["activation_checkpointing"] = bool(config.recipe.sft.activation_checkpointing)
    script = out / f"{study.folder.name}-bare"
    script.mkdir(parents=True, exist_ok=True)
    items.write(script / "rows.jsonl", _probe.parted(items.read(folders[0] / "rows.jsonl"))[1])
    base = str(study.store.get(job.read(study.place(1)).base.address))
    told = [str(script / "rows.jsonl"), base, json.dumps(settings), str(script)]
    done = subprocess.run([sys.executable, __file__, "--bare", *told], check=True, capture_output=True, text=True)
    seconds = json.loads(done.stdout.splitlines()[-1])
    spent = float(trained.seconds or 0)
    looks = sum(row.get("written_seconds", 0) + row.get("evaluated_seconds", 0) for row in logged)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (folders[1], script)]
    return (
        study.folder.name,
        str(settings["max_steps"]),
        f"{spent:.1f}",
        f"{looks:.1f}",
        f"{seconds['without']:.1f}",
        f"{seconds['with imports']:.1f}",
        f"{spent / seconds['without']:.2f}",
        f"{spent / seconds['with imports']:.2f}",
        "the same" if weights[0] == weights[1] else "others",
    )


def main() -> None:
    """Run what is asked for, then print the table."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--smollm2", type=Path, help="also SmolLM2 135M, on the word problems of this folder")
    parser.add_argument("--bare", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        rows, model, settings, out = args.bare
        bare(Path(rows), model, json.loads(settings), Path(out), began)
        return
    out = args.out.resolve()
    jobs = [["goal=mixed", "model=tiny", "recipe=generated/sft", "study=tiny"]]
    if args.smollm2:
        real = ["goal=svamp_words", f"goal.data_dir={args.smollm2.resolve()}", "model=smollm2-135m"]
        jobs.append([*real, "recipe=words/sft", "recipe.sft.max_steps=20", "study=smollm2"])
    heads = ("model", "steps", "trial s", "first look s", "bare s", "with imports s", "ratio", "with imports")
    found = Table(*heads, "weights")
    for words in jobs:
        found.add_row(*measured(out, words))
    Console(width=160).print(found)


if __name__ == "__main__":
    main()
