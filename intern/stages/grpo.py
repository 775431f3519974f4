"""Stage grpo: reinforcement learning with TRL's GRPO (arXiv:2402.03300) on rewards that can be verified.

A few prompts are held back: what the policy answers to them, beside what it did when it entered the stage, is what
the rule `decline` watches."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config.schema import Config, answer_length
from intern.data import items
from intern.data.items import Row
from intern.rewards import Outcome
from intern.stages import Inputs, Step, _probe

VERSION = 3
READS = (
    *("recipe.grpo", "recipe.rewards", "recipe.lora"),
    *("model.dtype", "model.eos_token", "goal.scorer", "goal.dev", "goal.max_new_tokens", "diagnose"),
)
USES = ("model", "rows", "seed")
MAKES = "model"
LOOKS = 4  # at the held-out prompts on the way: rollouts tell more often what is amiss


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Sample groups of completions, reward them, write the checkpoint."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from intern.stages import _trainer

    names = [config.goal.scorer if name == "goal" else name for name in config.recipe.rewards]
    held, trained = _probe.parted(items.read(inputs.rows))
    rows = [{**row, "prompt": [{"role": "user", "content": row["question"]}]} for row in trained]
    kept = set(rows[0]).intersection(*rows)  # every row of a mix can be rewarded by what all of them carry
    length = config.recipe.grpo.max_completion_length or answer_length(config.goal)
    settings = replace(config.recipe.grpo, max_completion_length=length)
    config = replace(config, recipe=replace(config.recipe, grpo=settings))
    arguments = _trainer.arguments(settings, config, inputs, out, step.fidelity)
    ours = not config.goal.dev or config.goal.scorer in names  # lm-eval's own tasks may find an answer in another way
    scorer = plugins.load("rewards", config.goal.scorer).outcome if ours else None
    trainer = GRPOTrainer(
        model=str(inputs.model),  # by path: with beta > 0 TRL loads the reference from it
        args=GRPOConfig(**arguments, reward_weights=list(config.recipe.rewards.values())),
        reward_funcs=[
            reward(name, plugins.load("rewards", name).outcome, scorer, logs=name == names[0]) for name in names
        ],
        train_dataset=Dataset.from_list([{key: row[key] for key in sorted(kept)} for row in rows]),
        processing_class=_trainer.tokenizer(inputs, config),
        peft_config=_trainer.lora(config),
    )
    watch = _trainer.Watch("grpo", config, out)
    if scorer and held and config.diagnose:
        watch.looks = LOOKS
        watch.look = partial(marked, trainer, held, scorer, config)
    _trainer.fit(trainer, config, out, watch)


def marked(trainer: Any, rows: Sequence[Row], scorer: Outcome, config: Config) -> dict[str, Any]:
    """Which of the held-out rows are right: the other rates of a stage of rollouts are those of its rollouts."""
    from intern.stages import _trainer

    found = _trainer.canaries(trainer, rows, scorer, config)
    return {key: found[key] for key in ("canaries", "right", "right_rate")}


def reward(name: str, outcome: Outcome, scorer: Outcome | None, logs: bool) -> Callable[..., list[float]]:
    """The outcome in TRL's form; a completion without an answer earns nothing. What the goal's scorer makes of the
    rollouts goes to the metrics, where the diagnosis rules see it, if this reward is the one that logs it."""

    def judged(
        prompts: list[Any], completions: list[Any], log_metric: Callable[[str, float], None], **columns: Any
    ) -> list[float]:
        size = len(completions)
        lists = {key: values for key, values in columns.items() if isinstance(values, list) and len(values) == size}
        rows = [{key: values[i] for key, values in lists.items()} for i in range(size)]
        texts = [completion[0]["content"] for completion in completions]
        for metric, value in _probe.rates(texts, rows, scorer).items() if logs else ():
            log_metric(metric, value)
        return [outcome(text, row) or 0.0 for text, row in zip(texts, rows, strict=True)]

    judged.__name__ = name
    return judged
