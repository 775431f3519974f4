"""Stage sft: supervised fine-tuning with TRL, the loss on completions only.

A few rows are held back and never trained on: the loss on them, and what the model writes for them, is what
the diagnosis rules watch."""

from functools import partial
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config.schema import Config
from intern.data import items
from intern.data.items import Row
from intern.stages import Inputs, Step, _probe

VERSION = 3
READS = (
    *("recipe.sft", "recipe.lora", "model.dtype", "model.eos_token"),
    *("goal.scorer", "goal.dev", "goal.max_new_tokens", "diagnose"),
)
USES = ("model", "rows", "seed")
MAKES = "model"
LOOKS = 8  # at the held-out rows on the way


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Train on question → target in the model's chat template; write the checkpoint."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from intern.stages import _trainer

    rows = items.read(inputs.rows)
    held, trained = _probe.parted(rows)
    arguments = _trainer.arguments(config.recipe.sft, config, inputs, out, step.fidelity)
    trainer = SFTTrainer(
        model=str(inputs.model),
        args=SFTConfig(**arguments, **watching(len(held), config.recipe.sft.per_device_train_batch_size or 8)),
        train_dataset=Dataset.from_list([chat(row) for row in trained]),
        eval_dataset=Dataset.from_list([chat(row) for row in held]) if held else None,
        processing_class=_trainer.tokenizer(inputs, config),
        peft_config=_trainer.lora(config),
    )
    outcome = plugins.load("rewards", config.goal.scorer).outcome
    judged = [outcome(row["target"], row) for row in rows]
    # lm-eval's own tasks may find an answer in another way than our scorer
    ours = not config.goal.dev or None not in judged
    targets = {"target_parse_rate": 1 - judged.count(None) / len(rows), "target_score": judged.count(1.0) / len(rows)}
    watch = _trainer.Watch("sft", config, out, **(targets if ours else {}))
    if ours and held and config.diagnose:
        watch.looks = LOOKS
        watch.look = partial(_trainer.canaries, trainer, held, outcome, config)
    _trainer.fit(trainer, config, out, watch)


def chat(row: Row) -> dict[str, Any]:
    """A row in TRL's prompt and completion columns."""
    return {
        "prompt": [{"role": "user", "content": row["question"]}],
        "completion": [{"role": "assistant", "content": row["target"]}],
    }


def watching(held: int, batch: int) -> dict[str, Any]:
    """Arguments that evaluate the held-out rows before the first step and LOOKS times on the way."""
    if not held:
        return {"eval_strategy": "no"}
    return {
        "eval_strategy": "steps",
        "eval_steps": 1 / LOOKS,
        "eval_on_start": True,
        "per_device_eval_batch_size": min(held, batch),  # what fits in training
        "eval_packing": False,
    }
