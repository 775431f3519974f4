"""Stage export: the winner as a folder that anyone can load: weights, tokenizer, template, generation config, recipe.

Architecture and template must equal the base's; its settings name no code and no place of this machine; the folder is
loaded again and generates.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from intern import checkpoints
from intern.config import library
from intern.stages import CUT, Task

VERSION = 2
READS = ("recipe", "model.dtype")
USES = ("model",)
MAKES = "export"


@dataclass
class Settings:
    """Nothing can be set."""


def run(task: Task) -> None:
    """Copy, check, reload.

    Raises:
        ValueError: if the export is not what the base was.
    """
    for path in checkpoints.parts(Path(task.model)):
        if path.name != CUT:
            shutil.copy2(path, task.out / path.name)
    checkpoints.clean(task.out)
    (task.out / "recipe.yaml").write_text(library.dump(task.config.recipe), encoding="utf-8")
    base = Path(task.base)
    if base.is_dir():
        for what, part in (("architecture", checkpoints.architecture), ("chat template", checkpoints.template)):
            if part(task.out) != part(base):
                raise ValueError(f"the {what} of the export differs from the base's")
    generates(task.out)


def generates(folder: Path) -> None:
    """Load the folder as a stranger would and generate one token; raise whatever goes wrong."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "1"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    length = model.generate(**prompt, max_new_tokens=1).shape[1]
    if length != prompt["input_ids"].shape[1] + 1:
        raise ValueError("the export generates nothing")
