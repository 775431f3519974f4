"""Stage export: the winner as a folder that anyone can load: weights, tokenizer, chat template, generation
config, recipe. Architecture and template must equal the base's; the folder is loaded again and generates."""

import shutil
from pathlib import Path

from intern import checkpoints
from intern.config import library
from intern.config.schema import Config
from intern.stages import Inputs, Step

VERSION = 1
READS = ("recipe", "model.dtype")
USES = ("model",)
MAKES = "model"
SKIPPED = ("metrics.jsonl", "training_args.bin")


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Copy, check, reload; raises ValueError where the export is not what the base was."""
    for path in inputs.model.iterdir():
        if path.is_file() and path.name not in SKIPPED:
            shutil.copy2(path, out / path.name)
    (out / "recipe.yaml").write_text(library.dump(config.recipe), encoding="utf-8")
    begun = Path(config.model.path)
    if begun.is_dir():
        for what, of in (("architecture", checkpoints.architecture), ("chat template", checkpoints.template)):
            if of(out) != of(begun):
                raise ValueError(f"the {what} of the export differs from the base's")
    generates(out)


def generates(folder: Path) -> None:
    """Load the folder as a stranger would and generate one token; raises whatever goes wrong."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "1"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    length = model.generate(**prompt, max_new_tokens=1).shape[1]
    if length != prompt["input_ids"].shape[1] + 1:
        raise ValueError("the export generates nothing")
