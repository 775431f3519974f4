"""The typed config: every key that exists, its type, its default, and whether a proposer may touch it.

Plain dataclasses, since Hydra cannot fill frozen ones. Fields under `sft` and `grpo` carry TRL's own
names; None means TRL's default. `python -m intern --cfg job` shows the composed result."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import MISSING, OmegaConf

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE if (PACKAGE / "conf").is_dir() else PACKAGE.parent  # a wheel carries conf/ and recipes/ inside


def tunable(default: Any = None) -> Any:
    """A field that a recipe's contract may open to proposers and sweeps."""
    return field(default=default, metadata={"tunable": True})


@dataclass
class Task:
    """One of lm-eval's own tasks, scored through its bundled YAML."""

    name: str = MISSING
    folder: str = MISSING  # under lm_eval/tasks, so that only this folder is indexed
    metric: str = "acc"
    filter: str = "none"
    limit: int | None = None
    max_new_tokens: int | None = None


@dataclass
class Goal:
    """What to improve, and the evaluator: nothing here can be named by a proposal."""

    name: str = MISSING
    generator: str | None = None  # intern/generators/<name>.py draws the items
    data_dir: str | None = None  # or a folder with train.jsonl, test.jsonl and perhaps dev.jsonl
    columns: dict[str, str] = field(default_factory=lambda: {"question": "question", "answer": "answer"})
    dev: list[Task] = field(default_factory=list)  # or lm-eval's own tasks
    test: list[Task] = field(default_factory=list)
    dev_items: int = 400
    test_items: int = 500
    dev_share: float = 0.1  # of train.jsonl, where there is no dev.jsonl
    prompt: str = "{question}"
    scorer: str = "exact_answer"  # intern/rewards/<name>.py: the score, and the reward "goal"
    max_new_tokens: int = 64
    few_shot: int = 0
    target: float | None = None  # mean dev score at which the search ends; None: never
    deny: list[str] = field(default_factory=list)  # data sets that must never be trained on
    overlap_words: int = 13  # a training row that shares so many consecutive words with an item is dropped


@dataclass
class Model:
    """The base model, frozen by hash."""

    name: str = MISSING
    path: str = MISSING  # a folder, or a Hub repository
    revision: str | None = None
    dtype: str = "bfloat16"  # of the saved and scored weights; training keeps float32 masters
    eos_token: str | None = None  # the token that ends a turn in the model's chat template
    context: int = 4096


@dataclass
class Source:
    """One data set: the goal's own train items, or a Hub data set pinned by revision."""

    goal: bool = False
    hub: str | None = None
    name: str | None = None
    split: str = "train"
    revision: str | None = None
    format: str = "qa"  # qa | mcq
    columns: dict[str, str] = field(default_factory=dict)
    limit: int | None = None


@dataclass
class Data:
    """Stage data: gather, map, clean, decontaminate."""

    mix: list[Source] = field(default_factory=lambda: [Source(goal=True)])
    rows: int | None = tunable()  # at most, after cleaning; None: all
    verified: bool = tunable(False)  # keep only rows whose target the goal's scorer finds right
    answer_line: bool = tunable(False)  # end a target that lacks it with the evaluator's answer line


@dataclass
class Synthetic:
    """Stage synthetic: rows made by the goal's generator, with the working written out."""

    rows: int = tunable(2000)
    style: str = tunable("solution")  # solution: worked out; answer: the answer line alone


@dataclass
class Sft:
    """Stage sft: fields of trl.SFTConfig that we use."""

    learning_rate: float | None = tunable()
    max_steps: int | None = tunable()
    num_train_epochs: float | None = tunable()
    per_device_train_batch_size: int | None = tunable()
    gradient_accumulation_steps: int | None = tunable()
    warmup_steps: float | None = tunable()
    weight_decay: float | None = tunable()
    lr_scheduler_type: str | None = tunable()
    lr_scheduler_kwargs: dict[str, Any] | None = None
    loss_type: str | None = tunable()
    packing: bool | None = tunable()
    max_length: int | None = tunable()
    max_grad_norm: float | None = tunable()
    activation_checkpointing: bool | None = None
    logging_steps: float | None = None


@dataclass
class Grpo:
    """Stage grpo: fields of trl.GRPOConfig that we use."""

    learning_rate: float | None = tunable()
    max_steps: int | None = tunable()
    num_train_epochs: float | None = tunable()
    per_device_train_batch_size: int | None = tunable()
    gradient_accumulation_steps: int | None = tunable()
    warmup_steps: float | None = tunable()
    weight_decay: float | None = tunable()
    lr_scheduler_type: str | None = tunable()
    num_generations: int | None = tunable()
    max_completion_length: int | None = tunable()  # None: what the goal's evaluator lets an answer have
    temperature: float | None = tunable()
    top_p: float | None = tunable()
    beta: float | None = tunable()
    epsilon: float | None = tunable()
    epsilon_high: float | None = tunable()
    num_iterations: int | None = tunable()
    steps_per_generation: int | None = tunable()
    loss_type: str | None = tunable()
    scale_rewards: str | None = tunable()
    mask_truncated_completions: bool | None = tunable()
    entropy_coef: float | None = tunable()
    top_entropy_quantile: float | None = tunable()
    max_grad_norm: float | None = tunable()
    activation_checkpointing: bool | None = None
    use_vllm: bool | None = None
    vllm_mode: str | None = None
    logging_steps: float | None = None


@dataclass
class Recipe:
    """The unit that people share: one self-contained YAML under recipes/, or anywhere."""

    name: str = "none"  # set from the file's place, never by the file
    summary: str = ""
    sources: list[str] = field(default_factory=list)
    suits: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    data: Data = field(default_factory=Data)
    synthetic: Synthetic = field(default_factory=Synthetic)
    sft: Sft = field(default_factory=Sft)
    grpo: Grpo = field(default_factory=Grpo)
    rewards: dict[str, float] = field(default_factory=lambda: {"goal": 1.0})  # "goal" or a file under intern/rewards
    lora: int | None = tunable()  # rank on all linear layers; None: full fine-tune
    tunable: dict[str, Any] = field(default_factory=dict)  # the contract


@dataclass
class Proposer:
    """Who sets the next config."""

    name: str = MISSING  # intern/proposers/<name>.py
    sweep_trials: int = 4
    repeats: int = 1
    confirm: bool = True  # export the winner and score it on test, which ends the study


@dataclass
class Budget:
    """What a study may spend; may change between runs."""

    trials: int = 12
    hours: float = 1.0


@dataclass
class Compute:
    """Where and how trials run; may change between runs."""

    launcher: str = MISSING  # intern/launchers/<name>.py
    warm: bool = True  # fork trials from a server that has paid the imports; False: a fresh process each
    threads: int | None = 1  # per trial, as torchrun does; two were no faster for the tiny model. None: all cores
    trial_minutes: float = 600.0
    eval_batch_size: int = 64
    checkpoint_steps: int = 200  # a killed stage goes on from the last of these
    mirror: str | None = None  # folder with copies of Hub data sets, <mirror>/<owner>/<name>; None: the Hub


@dataclass
class Config:
    """One study, or one trial of it."""

    goal: Goal = field(default_factory=Goal)
    model: Model = field(default_factory=Model)
    recipe: Recipe = field(default_factory=Recipe)
    proposer: Proposer = field(default_factory=Proposer)
    budget: Budget = field(default_factory=Budget)
    compute: Compute = field(default_factory=Compute)
    study: str = MISSING
    outputs: str = "outputs"
    seed: int = 0
    quiet: bool = False  # print the result alone
    diagnose: bool = True  # let the rules of intern/diagnosis stop a stage


STAGE_SECTIONS = {"data": Data, "synthetic": Synthetic, "sft": Sft, "grpo": Grpo}


def blank() -> Config:
    """The schema that files are merged onto: merging joins mappings, and a recipe's rewards are to replace ours."""
    return Config(recipe=Recipe(rewards={}))


def register() -> None:
    """Make the schema and the `package:` resolver known to Hydra. The gate lets no proposal interpolate."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name="schema", node=blank())
    OmegaConf.register_new_resolver("package", lambda path: str(PACKAGE / path), replace=True)


def flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every leaf of a nest of dataclasses; lists and dicts are leaves."""
    for f in fields(node):
        value, key = getattr(node, f.name), prefix + f.name
        if is_dataclass(value):
            yield from flat(value, key + ".")
        else:
            yield key, value


def given(section: Sft | Grpo) -> dict[str, Any]:
    """The fields that were set: trl.SFTConfig(**given(sft)) needs no translation."""
    return {f.name: getattr(section, f.name) for f in fields(section) if getattr(section, f.name) is not None}


def answer_length(goal: Goal) -> int:
    """Tokens that the evaluator lets an answer have: the most of its dev tasks."""
    return max(goal.max_new_tokens, *(task.max_new_tokens or 0 for task in goal.dev), 0)


def shortened(section: Sft | Grpo, fidelity: float) -> dict[str, Any]:
    """The length of a training at this share of its steps; TRL trains 3 epochs where nothing is said."""
    if section.max_steps is not None:
        return {"max_steps": max(1, round(section.max_steps * fidelity))}
    return {"num_train_epochs": (section.num_train_epochs or 3.0) * fidelity}


def faults(config: Config) -> list[str]:
    """Every cross-field fault of a composed config, at once and without torch."""
    recipe, found = config.recipe, []
    if "grpo" in recipe.stages:
        found += grpo_faults(recipe.grpo, answer_length(config.goal), config.model.context)
    if "sft" in recipe.stages:
        longest = recipe.sft.max_length or 1024
        if longest > config.model.context:
            found.append(f"recipe.sft.max_length={longest} exceeds model.context={config.model.context}")
    if "synthetic" in recipe.stages and not config.goal.generator:
        found.append(f'stage "synthetic" needs a goal with a generator, and goal {config.goal.name} has none')
    return found


def grpo_faults(grpo: Grpo, longest: int, context: int) -> list[str]:
    """TRL's own rules for a GRPO batch (defaults: batch 8, accumulation 1, 8 generations; ours: `longest` tokens)."""
    generations, found = grpo.num_generations or 8, []
    rounds = grpo.steps_per_generation or grpo.gradient_accumulation_steps or 1
    world = int(os.environ.get("WORLD_SIZE", "1"))
    batch = (grpo.per_device_train_batch_size or 8) * rounds * world
    if generations < 2:
        found.append(f"recipe.grpo.num_generations={generations}: a group needs at least 2 completions")
    if batch % generations:
        found.append(
            f"the GRPO batch of {batch} (per_device_train_batch_size x accumulation) does not divide by "
            f"recipe.grpo.num_generations={generations}; choose one of "
            f"{', '.join(str(n) for n in range(2, batch + 1) if batch % n == 0)}"
        )
    if (grpo.max_completion_length or longest) >= context:
        found.append(
            f"recipe.grpo.max_completion_length={grpo.max_completion_length or longest} leaves no room "
            f"for a prompt in model.context={context}"
        )
    return found
