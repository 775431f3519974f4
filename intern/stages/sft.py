"""Stage sft: supervised fine-tuning with TRL, the loss on completions only."""

from pathlib import Path

from intern import items
from intern.config import Config
from intern.stages import Inputs, Step

VERSION = 1
READS = ("recipe.sft", "recipe.lora", "model.dtype", "model.eos_token")
USES = ("model", "rows", "seed")
MAKES = "model"


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Train on question → target in the model's chat template; write the checkpoint."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from intern import training

    rows = [
        {
            "prompt": [{"role": "user", "content": row["question"]}],
            "completion": [{"role": "assistant", "content": row["target"]}],
        }
        for row in items.read(inputs.rows)
    ]
    trainer = SFTTrainer(
        model=str(inputs.model),
        args=SFTConfig(**training.arguments(config.recipe.sft, config, inputs, out)),
        train_dataset=Dataset.from_list(rows),
        processing_class=training.tokenizer(inputs, config),
        peft_config=training.lora(config),
    )
    training.fit(trainer, config, out, "sft")
