"""Stage grpo: reinforcement learning with TRL's GRPO (arXiv:2402.03300) on rewards that can be verified.

A few prompts are held back: the rule `decline` compares the policy's answers to them with those of the stage's
input checkpoint.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from intern import rewards
from intern.config.cost import Cost, Writing
from intern.config.ranges import Count, Size, Unit
from intern.config.schema import Config, tunable
from intern.data import items, sources
from intern.data.items import Row
from intern.errors import UserError
from intern.rewards import Outcome, Reward
from intern.stages import Task, _probe, _schedule

VERSION = 6
READS = (
    *("recipe.rewards", "recipe.lora", "model.dtype", "model.eos_token"),
    *("goal.scorer", "goal.scorer_settings", "goal.dev", "goal.max_new_tokens", "diagnose", "diagnosis"),
)
USES = ("model", "rows", "seed")
NEEDS = ("rows",)
MAKES = "model"
LENGTHS = _schedule.LENGTHS
shortened = _schedule.shortened
KEEPS = ("metrics.jsonl", "diagnosis.json")
PRELOADS = ("trl.trainer.grpo_trainer",)
DEFAULTS = {  # TRL's
    "learning_rate": 1e-6,
    "warmup_steps": 0.0,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "temperature": 1.0,
    "beta": 0.0,
    "epsilon_high": 0.2,
    "entropy_coef": 0.0,
    "num_generations": 8,
    "mask_truncated_completions": False,
}
CURVES = {
    "reward": "reward",
    "entropy": "entropy",
    "completions/mean_length": "length",
    "right_rate": "held out",
    "completions/clipped_ratio": "cut",
    "parse_rate": "parsed",
    "repetition": "repeated",
}
LOOKS = 4  # at the prompts held back, at most: rollouts tell more often what is amiss
VLLM = 0.3  # of the GPU's memory: TRL's default
BY_PASS = "bnpo"  # a loss that is averaged over the tokens of each pass
LISTED = 256  # sizes of a group that a message looks through
SLOWER = 0.2  # of the rate of supervised training: 1e-5 at 1.7B, where 1e-6 was too low and 3e-5 collapsed
ADDED = ("completion_ids", "max_completion_length")  # to the columns of a row, for rewards that read them
LOOKED_AT = ("canaries", "right", "right_rate", "alike", "alike_expected")  # the other rates are those of its rollouts


@dataclass
class Settings(_schedule.Schedule):
    """Fields of trl.GRPOConfig; None means TRL's default."""

    num_generations: Size | None = tunable()
    max_completion_length: Count | None = tunable()
    """None: what the goal's evaluator lets an answer have."""
    temperature: Annotated[float, Field(gt=0, le=10)] | None = tunable()
    top_p: Annotated[float, Field(gt=0, le=1)] | None = tunable()
    beta: Annotated[float, Field(ge=0, le=100)] | None = tunable()
    epsilon: Unit | None = tunable()
    epsilon_high: Annotated[float, Field(ge=0, le=100)] | None = tunable()
    num_iterations: Size | None = tunable()
    steps_per_generation: Size | None = tunable()
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"] | None = tunable()
    scale_rewards: Literal["group", "batch", "none"] | None = tunable()
    mask_truncated_completions: bool | None = tunable()
    entropy_coef: Annotated[float, Field(ge=-1, le=1)] | None = tunable()
    top_entropy_quantile: Unit | None = tunable()
    max_grad_norm: _schedule.Norm | None = tunable()
    activation_checkpointing: bool | None = None
    use_vllm: bool | None = None
    vllm_mode: Literal["server", "colocate"] | None = None
    logging_steps: _schedule.Interval | None = None


class Prompts(_probe.HeldOut):
    """The prompts that the stage holds back; GRPO's trainer knows of no loss on them."""

    def judged(self, answered: Sequence[tuple[str, bool]]) -> dict[str, Any]:
        """Return which of them are right."""
        metrics = super().judged(answered)
        return {key: metrics[key] for key in LOOKED_AT}


def fitted(settings: Settings, config: Config, rows: int | None) -> Settings:
    """Return the settings with a learning rate."""
    return replace(settings, learning_rate=settings.learning_rate or _schedule.rate(config, SLOWER))


def longest(settings: Settings, config: Config) -> int:
    """Return the longest completion in tokens: as given, or what the goal's evaluator lets an answer have."""
    return settings.max_completion_length or config.goal.answer_length


def rounds(settings: Settings) -> int:
    """Return the passes whose completions are written together."""
    return settings.steps_per_generation or settings.gradient_accumulation_steps or 1


def cost(settings: Settings, config: Config, rows: int | None) -> Cost:
    """Return a training on completions that it writes itself, all of a generation at once."""
    completions = None if rows is None else rows * (settings.num_generations or 8)
    reference = bool(settings.beta) and config.recipe.lora is None  # with LoRA it is the model without the adapter
    again = (settings.num_iterations or 1) > 1 or rounds(settings) > (settings.gradient_accumulation_steps or 1)
    training = _schedule.training(
        *(settings, completions),
        longest=None,
        written=longest(settings, config),
        passes=bool(settings.beta) + (again or bool(settings.use_vllm)),
        reference=reference,
    )
    answers = None if training.steps is None else training.steps * training.batch // (settings.num_iterations or 1)
    beside = bool(settings.use_vllm) and settings.vllm_mode != "server"
    at_once = training.at_once * rounds(settings)
    return Cost(training, Writing(answers, at_once, longest(settings, config), engine=VLLM if beside else 0.0))


def halved(settings: Settings) -> Settings | None:
    """Return the settings with half the rows at once, and the same completions written together; None if a part of the
    loss would be averaged over fewer of them."""
    by_pass = settings.loss_type == BY_PASS or settings.entropy_coef or (settings.top_entropy_quantile or 1.0) < 1.0
    smaller: Settings | None = None if by_pass else _schedule.halved(settings)
    if smaller and settings.steps_per_generation:
        return replace(smaller, steps_per_generation=2 * settings.steps_per_generation)
    return smaller


def faults(settings: Settings, config: Config) -> list[str]:
    """Return what breaks TRL's own rules for a GRPO batch (defaults: batch 8, accumulation 1, 8 generations)."""
    generations, messages = settings.num_generations or 8, []
    batch = _schedule.at_once(settings) * rounds(settings) * int(os.environ.get("WORLD_SIZE", "1"))
    if generations < 2:
        messages.append(f"num_generations={generations}: a group needs at least 2 completions")
    if batch % generations:
        legal = ", ".join(str(n) for n in range(2, min(batch, LISTED) + 1) if batch % n == 0)
        messages.append(
            f"num_generations={generations} does not divide the GRPO batch of {batch} "
            f"(per_device_train_batch_size x accumulation); choose one of {legal}"
        )
    most = longest(settings, config)
    if config.model.context is not None and most >= config.model.context:
        messages.append(
            f"max_completion_length={most} leaves no room for a prompt in model.context={config.model.context}"
        )
    return messages


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the rewards and the goal's scorer."""
    yield "rewards", config.goal.scorer
    yield from (("rewards", name) for name in config.recipe.rewards if name != "goal")
    yield from sources.verifiers(config.recipe)


def run(task: Task) -> None:
    """Sample groups of completions, reward them, write the checkpoint."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from intern.stages import _trainer, _watch

    config = task.config
    assert task.rows
    asked = [row for row in items.read(task.rows) if row["question"]]
    if not asked:
        raise UserError(f"No row has a question to which {task.name} could sample answers: take another source.")
    held_out, trained = _probe.parted(asked)
    task = replace(task, settings=replace(task.settings, max_completion_length=longest(task.settings, config)))
    names = [config.goal.scorer if name == "goal" else name for name in config.recipe.rewards]
    ours = not config.goal.dev or config.goal.scorer in names  # lm-eval's own tasks may find an answer in another way
    scorer = rewards.scorer(config.goal) if ours else None
    outcomes = [outcome(name, weight, config, scorer) for name, weight in config.recipe.rewards.items()]
    readable(outcomes, trained)
    trainer = GRPOTrainer(
        model=task.model,  # by path: with beta > 0 TRL loads the reference from it
        args=GRPOConfig(**_trainer.arguments(task), reward_weights=list(config.recipe.weights().values())),
        reward_funcs=[
            reward(name, judge, scorer, logs=place == 0, longest=task.settings.max_completion_length)
            for place, (name, judge) in enumerate(zip(names, outcomes, strict=True))
        ],
        train_dataset=Dataset.from_list(prompts(trained)),
        processing_class=_trainer.tokenizer(task),
        peft_config=_trainer.lora(config),
    )
    looked_at = Prompts(trainer, held_out, scorer, config) if scorer and held_out and config.diagnose else None
    _trainer.fit(trainer, task, _watch.Watch(task, looked_at, LOOKS))


def outcome(name: str, weight: Any, config: Config, scorer: Reward | None) -> Reward:
    """Return one of the recipe's rewards; the goal's is its scorer, if that is made already."""
    if name == "goal":
        return scorer or rewards.scorer(config.goal)
    given = {key: value for key, value in weight.items() if key != "weight"} if isinstance(weight, Mapping) else {}
    return rewards.outcome(name, given)


def readable(outcomes: Sequence[Reward], rows: Sequence[Row]) -> None:
    """Raise UserError if rows lack columns that a reward reads."""
    columns = {*prompts(rows)[0], *ADDED}
    lacking = {outcome.name: what for outcome in outcomes if (what := outcome.lacking(columns))}
    if lacking:
        said = "; ".join(f"the reward {name} reads {what}" for name, what in lacking.items())
        raise UserError(f"The rows have the columns {', '.join(sorted(columns))}, and {said}. Map them: `columns`.")


def prompts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows with TRL's prompt, and of their own columns those that all of them carry: every row of a mix can
    be rewarded by these."""
    kept = sorted(set(rows[0]).intersection(*rows))
    prompted = []
    for row in rows:
        prompt = [{"role": "user", "content": row["question"]}]
        prompted.append({**{key: row[key] for key in kept}, "prompt": prompt})
    return prompted


def reward(
    name: str, outcome: Outcome, scorer: Outcome | None, logs: bool, longest: int | None = None
) -> Callable[..., list[float | None]]:
    """Return an outcome in TRL's form; a completion without an answer earns nothing.

    What the goal's scorer makes of the rollouts goes to the metrics, where the diagnosis rules see it, if this reward
    is the one that `logs`. A row is given its completion's token ids and the most that it may have, `longest`."""

    def judged(
        prompts: list[Any], completions: list[Any], log_metric: Callable[[str, float], None], **columns: Any
    ) -> list[float | None]:
        size = len(completions)
        lists = {key: values for key, values in columns.items() if isinstance(values, list) and len(values) == size}
        lists["max_completion_length"] = [longest] * size
        rows = [{key: values[i] for key, values in lists.items()} for i in range(size)]
        texts = [completion[0]["content"] for completion in completions]
        outcomes = rewards.many(outcome, texts, rows)
        for metric, value in rewards.metrics(outcome).items():
            log_metric(metric, value)
        if logs:
            scored = outcomes if scorer is outcome else rewards.many(scorer, texts, rows) if scorer else None
            for metric, value in _probe.rates(texts, rows, scored).items():
                log_metric(metric, value)
        return paid(outcomes, prompts)

    judged.__name__ = name
    return judged


def paid(outcomes: Sequence[float | None], prompts: Sequence[Any]) -> list[float | None]:
    """Return what the completions earn; nothing is paid or docked in a group of which one could not be judged: TRL
    would count it as 0 beside the others."""
    unjudged = [prompt for prompt, value in zip(prompts, outcomes, strict=True) if value is not None and value != value]
    return [None if prompt in unjudged else value or 0.0 for prompt, value in zip(prompts, outcomes, strict=True)]
