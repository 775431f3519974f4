"""Metrics as the training stages log them, for test_diagnosis: curves of faults, and of runs that must go on.

Those marked "seen" are real runs of the tiny model, rounded."""

import math
from collections.abc import Sequence
from typing import Any

from made import recipe_of

Rows = list[dict[str, Any]]
RATE = {"low": 1e-6, "high": 1e-1, "log": True}
NORM = {"low": 0.1, "high": 10.0, "log": True}
OPEN = recipe_of(
    stages=["data", "synthetic", "sft", "grpo"],
    data={"rows": 1000},
    sft={"learning_rate": 1e-3, "max_steps": 80, "max_length": 128},
    grpo={
        "learning_rate": 5e-5,
        "per_device_train_batch_size": 64,
        "max_completion_length": 32,
        "max_steps": 20,
    },
    tunable={
        **{
            "sft.learning_rate": RATE,
            "grpo.learning_rate": RATE,
            "sft.max_grad_norm": NORM,
            "grpo.max_grad_norm": NORM,
        },
        **{"data.verified": [False, True], "data.answer_line": [False, True], "data.rows": {"low": 100, "high": 5000}},
        **{"sft.max_steps": {"low": 10, "high": 123}, "sft.warmup_steps": {"low": 0.0, "high": 0.3}},
        **{"sft.weight_decay": [0.0, 0.01, 0.1], "sft.max_length": {"low": 64, "high": 512}},
        **{"synthetic.style": ["solution", "answer"], "grpo.beta": [0.0, 0.01, 0.1]},
        **{"grpo.temperature": {"low": 0.3, "high": 1.5}, "grpo.num_generations": [4, 8, 16]},
        **{"grpo.max_completion_length": {"low": 16, "high": 257}, "grpo.mask_truncated_completions": [False, True]},
        **{"grpo.max_steps": {"low": 5, "high": 101}, "grpo.entropy_coef": [0.0, 0.001]},
    },
)


def sft(*rows: tuple[int, dict[str, Any]], steps: int = 80) -> Rows:
    """Rows of the stage: (step, metrics)."""
    return [{"stage": "sft", "step": step, "steps": steps, **metrics} for step, metrics in rows]


def rollouts(steps: int = 20, **columns: Sequence[float | None]) -> Rows:
    """Rows of the stage grpo, one for every second step; each keyword is one metric's values. All have a reward, as
    they do in a run: the same one where nothing is said."""
    named = {key.replace("__", "/"): values for key, values in columns.items()}
    named.setdefault("reward", (0.3,) * len(next(iter(named.values()))))
    lines = zip(*named.values(), strict=True)
    return [
        {"stage": "grpo", "step": 2 * n, "steps": steps, **dict(zip(named, line, strict=True))}
        for n, line in enumerate(lines, 1)
    ]


def evaluations(key: str, *values: float, **same: float) -> Rows:
    """An evaluation at step 0, 10, 20, … of 80, with this metric and what stays the same."""
    return sft(*((10 * n, {key: value, **same}) for n, value in enumerate(values)))


def judged(*lines: tuple[float, float, float, float, float]) -> list[tuple[int, dict[str, float]]]:
    """Evaluations at step 0, 10, … as they are logged: loss, accuracy, truncation, parse rate, repetition."""
    keys = ("eval_loss", "eval_mean_token_accuracy", "truncation", "parse_rate", "repetition")
    return [(10 * n, {**dict(zip(keys, line, strict=True)), "canaries": 32}) for n, line in enumerate(lines)]


def alike(*shares: float) -> Rows:
    """Probes of 64 held-out prompts during rollouts: such a share is answered alike, and a fifth should be."""
    rows = probes("grpo", *(9,) * len(shares))
    looks = [row for row in rows if "right" in row]
    for row, share in zip(looks, shares, strict=True):
        row.update(canaries=64, alike=share, alike_expected=0.2)
    return rows


def probes(stage: str, *right: int) -> Rows:
    """Probes of 64 held-out prompts, at step 0, 10, … of 80: so many are right, and none that was not at first. Before
    each but the first of rollouts comes a row with their reward."""
    rows: Rows = []
    for n, count in enumerate(right):
        if n and stage == "grpo":
            rows.append({"stage": stage, "step": 10 * n, "steps": 80, "reward": 0.3})
        mark = "1" * count + "0" * (64 - count)
        rows.append({"stage": stage, "step": 10 * n, "steps": 80, "right": mark})
    return rows


def losses(**values: float) -> list[tuple[int, dict[str, float]]]:
    """Logged rows: at step sN the loss."""
    return [(int(step.removeprefix("s")), {"loss": value}) for step, value in values.items()]


def epochs(*values: float, each: float = 0.5) -> list[tuple[int, dict[str, float]]]:
    """Logged rows between those evaluations, with the share of the rows that was seen."""
    return [(10 * n + 5, {"loss": value, "epoch": each * (n + 1)}) for n, value in enumerate(values)]


def mixed(*rows: tuple[int, dict[str, float]]) -> Rows:
    """Logged rows and evaluations in the order of their steps, after what is known before the first."""
    return sft((0, {"target_parse_rate": 1.0, "target_score": 1.0}), *sorted(rows, key=lambda row: row[0]))


# seen: generated/sft with its learning rate times ten, on arithmetic and on sorting
DIVERGED = mixed(*judged((0.033, 0.972, 0, 1, 0)), *losses(s1=0.032, s4=0.989, s8=1.76), (8, {"eval_loss": 0.871}))
GARBLED = mixed(
    *judged((4.425, 0.334, 0, 0.781, 0), (1.699, 0.44, 1, 0, 0.594), (1.311, 0.494, 1, 0, 0.844)),
    *losses(s1=4.288, s4=3.278, s8=3.09, s12=1.79, s16=1.474, s19=1.387),
)
# seen: arithmetic/sft_grpo with its learning rate times ten; the stage ran to step 14
COLLAPSED = rollouts(
    reward=(0.531, 0.211, 0.117, 0.102, 0.062),
    frac_reward_zero_std=(0.438, 0.75, 0.875, 0.875, 1.0),
    entropy=(0.031, 0.041, 0.052, 0.05, 0.052),
    completions__mean_length=(26.8, 27.5, 26.4, 26.6, 27.4),
    completions__clipped_ratio=(0.008, 0.0, 0.016, 0.023, 0.016),
)

# rule, rows on which it fires at the last and nothing fires before, words of the symptom
FAULTS: list[tuple[str, Rows, tuple[str, ...]]] = [
    ("nan", sft((1, {"loss": 1.0}), (4, {"loss": math.nan, "grad_norm": math.inf})), ("loss, grad_norm is not",)),
    ("nan", evaluations("eval_loss", 1.0, math.inf), ("eval_loss is not a finite number",)),
    ("nan", rollouts(reward=(0.3, None)), ("reward is not a finite number",)),
    ("divergence", DIVERGED, ("held-out loss is 0.87 and was 0.03",)),
    (
        "divergence",
        mixed((0, {"eval_loss": 0.4}), *losses(s1=0.4, s2=1.1, s3=1.2), (4, {"eval_loss": 1.15})),
        ("held-out loss is 1.15 and was 0.40",),
    ),
    (
        "divergence",
        mixed((0, {"eval_loss": 1.156}), *losses(s1=1.01, s4=2.01, s8=1.986), (8, {"eval_loss": 2.0})),
        ("held-out loss is 2.00 and was 1.16",),
    ),
    (  # long before the next evaluation: four rows above all eight before them
        "divergence",
        sft(
            *((0, {"eval_loss": 0.4}), *((n, {"loss": 0.4}) for n in range(1, 9))),
            *losses(s9=1.0, s10=1.1, s11=1.0, s12=1.3),
        ),
        ("loss is 1.10 and was 0.40",),
    ),
    ("divergence", rollouts(entropy=(0.1, 0.3, 1.2, 1.4)), ("entropy is 1.30 and was 0.10",)),
    ("kl_explosion", rollouts(kl=(0.0, 1.5, 0.2, 1.2, 1.4)), ("1.30 nats",)),
    (
        "length_explosion",
        rollouts(
            reward=(0.3, 0.3, 0.2), completions__mean_length=(20, 41, 44), completions__clipped_ratio=(0, 0.3, 0.4)
        ),
        ("from 20 to 42 tokens", "35% of them cut"),
    ),
    ("garbled", GARBLED, ("72% of the outputs",)),
    ("garbled", rollouts(repetition=(0.1, 0.4, 0.4, 0.5, 0.7)), ("60% of the outputs",)),
    (
        "garbled",
        rollouts(repetition=(0.4,) * 3, frac_reward_zero_std=(1.0,) * 3, reward=(0.0,) * 3),
        ("40% of the outputs",),
    ),
    ("garbled", evaluations("repetition", 0.3, 0.35, 0.35, 0.35, 0.4), ("38% of the outputs",)),  # half-way
    ("truncation", rollouts(completions__clipped_ratio=(0.1, 0.7, 0.6, 0.7)), ("67% of the outputs",)),
    (  # nothing ends, and no group has anything to learn from
        "truncation",
        rollouts(completions__clipped_ratio=(1.0,) * 3, frac_reward_zero_std=(1.0,) * 3, reward=(0.0,) * 3),
        ("100% of the outputs",),
    ),
    ("truncation", evaluations("truncation", 0.9, 0.9, 0.8, 0.9, 0.9), ("87% of the outputs",)),
    ("mislabelled", sft((0, {"target_score": 0.5, "target_parse_rate": 1.0})), ("50% of the training targets right",)),
    ("format_problem", sft((0, {"target_score": 0.0, "target_parse_rate": 0.0})), ("0% of the training targets",)),
    ("format_problem", evaluations("parse_rate", 0.9, 0.5, 0.4, 0.5, 0.5, canaries=32), ("50% of the outputs",)),
    ("format_problem", rollouts(parse_rate=(0.9, 0.8, 0.2, 0.1)), ("15% of the outputs",)),
    ("format_problem", rollouts(parse_rate=(0.0,) * 5), ("0% of the outputs",)),  # no fall: from half-way on
    ("reward_collapse", COLLAPSED, ("from 0.37 to 0.08",)),
    ("one_answer", evaluations("alike", 0.2, 0.9, 1.0, 0.97, 1.0, canaries=32, alike_expected=0.6), ("100% of the",)),
    ("one_answer", alike(0.4, 0.5, 0.5, 0.6, 0.95, 0.95), ("95% of the held-out prompts", "answer; 20% should")),
    (
        "entropy_collapse",
        rollouts(entropy=(0.2, 0.02, 0.01, 0.01), reward=(0.3,) * 4, frac_reward_zero_std=(0.2, 0.5, 0.6, 0.8)),
        ("from 0.200 to 0.010 nats",),
    ),
    (
        "dead_gradient",
        rollouts(reward=(0.0,) * 3, frac_reward_zero_std=(1.0, 0.9, 1.0)),
        ("97% of groups", "0.00 of 1"),
    ),
    (
        "overfitting",
        mixed(
            *judged((1.0, 0.5, 0, 1, 0), (0.5, 0.7, 0, 1, 0), (0.66, 0.7, 0, 1, 0), (0.7, 0.7, 0, 1, 0)),
            *epochs(0.9, 0.8, 0.7),
        ),
        ("from 0.500 to 0.700",),
    ),
    ("decline", probes("grpo", 20, 8), ("8 of 64 held-out prompts", "and 20 were")),
    ("decline", probes("grpo", 24, 18, 15, 15), ("15 of 64",)),  # not so sure, and twice
    ("decline", probes("grpo", 15, 40, 50, 44, 33), ("15 were when the stage began, 50 at its best",)),
    ("decline", probes("sft", 20, 2, 1, 5, 5), ("5 of 64",)),  # half of the steps are done
    ("no_learning", evaluations("eval_loss", 1.0, 0.99, 1.1, 1.0, 0.99), ("is 0.990 and was 1.000",)),
]

# what must run on to its end, and is not stopped at any step
HEALTHY: dict[str, Rows] = {
    "seen: generated/sft on arithmetic": mixed(
        *judged(
            *(
                (0.081, 0.954, 0, 1, 0),
                (0.058, 0.975, 0.031, 0.969, 0),
                (0.021, 0.994, 0, 1, 0),
                (0.014, 0.995, 0, 1, 0),
            ),
            *(
                (0.007, 0.998, 0, 1, 0),
                (0.003, 1, 0, 1, 0),
                (0.002, 1, 0, 1, 0),
                (0.002, 1, 0, 1, 0),
                (0.001, 1, 0, 1, 0),
            ),
        ),
        *losses(s1=0.087, s4=0.079, s8=0.092, s12=0.085, s16=0.044, s24=0.033, s32=0.019, s40=0.009, s60=0.003),
    ),
    "seen: generated/sft on stories, which first forgets how to stop": mixed(
        *judged(
            *((3.789, 0.4, 0.094, 0.812, 0), (1.893, 0.424, 1, 0, 0.125), (1.479, 0.53, 0.875, 0.594, 0)),
            *((1.201, 0.586, 0.469, 0.469, 0), (1.067, 0.618, 0, 1, 0), (1.005, 0.627, 0, 0.969, 0)),
        ),
        *losses(s1=3.852, s4=3.364, s8=2.959, s12=1.971, s16=1.708, s24=1.467, s32=1.222, s48=1.017),
    ),
    "seen: arithmetic/grpo": rollouts(
        steps=24,
        reward=(0.28, 0.342, 0.355, 0.263, 0.316, 0.42, 0.536, 0.333, 0.357, 0.465, 0.541, 0.358),
        frac_reward_zero_std=(0.25, 0.125, 0.188, 0.312, 0.188, 0.375, 0.312, 0.25, 0.188, 0.375, 0.188, 0.125),
        entropy=(0.187, 0.152, 0.131, 0.131, 0.109, 0.085, 0.086, 0.085, 0.07, 0.064, 0.065, 0.071),
        completions__mean_length=(18.9, 20.7, 22.3, 23.2, 23.4, 24.9, 24.4, 25.6, 25.7, 25.9, 26.9, 26.6),
        completions__clipped_ratio=(0.0, 0.0, 0.016, 0.023, 0.016, 0.0, 0.023, 0.008, 0.008, 0.016, 0.016, 0.016),
    ),
    "a real model under LoRA, which starts outside of the format": mixed(  # after a run from 1.84 to 0.66 nats
        *judged(
            *((1.84, 0.6, 1, 0, 0), (1.4, 0.65, 1, 0, 0), (1.1, 0.7, 1, 0, 0), (0.9, 0.7, 1, 0, 0)),
            *((0.66, 0.75, 1, 0, 0), (0.6, 0.76, 0.4, 0.5, 0), (0.57, 0.76, 0.03, 0.97, 0)),
        ),
        *losses(s1=1.9, s5=1.7, s15=1.3, s25=1.0, s35=0.8, s45=0.6),
    ),
    "the loss of single rows": mixed(
        *((10 * n, {"eval_loss": 1.0 - 0.03 * n}) for n in range(8)),
        *((n, {"loss": 0.2 if n % 3 == 0 else 3.1}) for n in range(1, 80)),
    ),
    "a held-out loss that comes back": mixed(
        *((0, {"eval_loss": 0.4}), (4, {"eval_loss": 0.85}), (14, {"eval_loss": 0.5})),
        *losses(s1=0.4, s2=1.5, s3=0.9, s12=0.5),
    ),
    "rollouts cut less and less often, with noise": rollouts(
        completions__clipped_ratio=(0.8, 0.77, 0.78, 0.75, 0.72, 0.74, 0.68, 0.7, 0.72, 0.55),
        reward=(0.1, 0.12, 0.11, 0.14, 0.15, 0.15, 0.18, 0.19, 0.2, 0.25),
    ),
    "rollouts cut all along, of which the others earn": rollouts(
        completions__clipped_ratio=(0.7,) * 9, frac_reward_zero_std=(0.5,) * 9, repetition=(0.4,) * 9
    ),
    "seen: SFT on sorting, then GRPO at a limit below three answers in five": rollouts(
        steps=30,
        reward=(0.134, 0.02, 0.365, 0.288, 0.145, 0.184, 0.188, 0.38, 0.249, 0.062, 0.249, 0.119, 0.127, 0.19),
        completions__clipped_ratio=(
            *(0.75, 0.875, 0.555, 0.625, 0.805, 0.813, 0.688, 0.563, 0.688, 0.875, 0.688, 0.781, 0.742, 0.578),
        ),
        frac_reward_zero_std=(
            *(0.875, 0.938, 0.625, 0.688, 0.75, 0.875, 0.938, 0.625, 0.688, 0.625, 0.5, 0.5, 0.688, 0.313),
        ),
    ),
    "a spike": sft((0, {"eval_loss": 0.4}), *losses(s1=0.4, s2=3.0, s3=0.9, s4=3.0, s5=0.9)),
    "a warm-up": sft((0, {"eval_loss": 0.4}), *losses(s1=0.5, s2=0.9, s3=1.0, s4=0.8)),
    "three times almost nothing": sft((0, {"eval_loss": 0.02}), *losses(s1=0.02, s2=0.07, s3=0.08)),
    "more entropy, and yet little": rollouts(entropy=(0.1, 0.9, 0.95, 0.99)),
    "KL at its limit": rollouts(kl=(0.0, 1.0, 1.0, 1.2, 0.9)),
    "longer reasoning that pays": rollouts(
        reward=(0.3, 0.4, 0.5), completions__mean_length=(20, 60, 80), completions__clipped_ratio=(0, 0.3, 0.4)
    ),
    "longer, not cut": rollouts(
        reward=(0.3, 0.2, 0.2), completions__mean_length=(20, 60, 80), completions__clipped_ratio=(0, 0.2, 0.3)
    ),
    "loops of a base, fewer and fewer": evaluations("repetition", 0.5, 0.7, 0.7, 0.5, 0.4, 0.2, 0.1),
    "a base that learns to stop": evaluations("truncation", 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5),
    "rollouts cut less and less": rollouts(completions__clipped_ratio=(0.9, 0.8, 0.7, 0.6)),
    "almost all targets right": sft((0, {"target_score": 0.9, "target_parse_rate": 0.95})),
    "a canary or two without an answer": evaluations("parse_rate", 1.0, 0.9, 0.875, 0.9, 0.875, 0.9, canaries=32),
    "a format that is being learnt": evaluations("parse_rate", 0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, canaries=32),
    "rollouts that never had the format": rollouts(parse_rate=(0.0, 0.0, 0.0, 0.0, 0.1)),
    "one lucky batch": rollouts(reward=(0.2, 0.5, 0.2, 0.2, 0.2)),
    "a poor batch": rollouts(reward=(0.5, 0.5, 0.1, 0.5, 0.1, 0.5)),
    "a reward that is only lower": rollouts(reward=(0.5, 0.5, 0.3, 0.3, 0.3)),
    "a policy that becomes sure of what is right": rollouts(
        entropy=(0.2, 0.01, 0.01, 0.01), reward=(0.3, 0.6, 0.6, 0.6), frac_reward_zero_std=(0.2, 0.8, 0.8, 0.8)
    ),
    "a policy that is sure, with spread left": rollouts(
        entropy=(0.2, 0.01, 0.01, 0.01), reward=(0.3,) * 4, frac_reward_zero_std=(0.2, 0.4, 0.8, 0.8)
    ),
    "a solved task": rollouts(
        reward=(0.98, 0.97, 0.97, 0.97), frac_reward_zero_std=(1.0,) * 4, entropy=(0.1, 0.009, 0.009, 0.009)
    ),
    "spread in some groups": rollouts(reward=(0.0,) * 6, frac_reward_zero_std=(1.0, 1.0, 0.8, 1.0, 1.0, 0.8)),
    "loss that rises with confidence alone": mixed(
        *judged((1, 0.5, 0, 1, 0), (0.5, 0.7, 0, 1, 0), (0.7, 0.71, 0, 1, 0), (0.9, 0.72, 0, 1, 0), (1, 0.73, 0, 1, 0)),
        *epochs(0.9, 0.4, 0.3, 0.2),
    ),
    "one bad evaluation": mixed(
        *judged((1, 0.5, 0, 1, 0), (0.5, 0.7, 0, 1, 0), (0.7, 0.7, 0, 1, 0), (0.6, 0.7, 0, 1, 0), (0.5, 0.7, 0, 1, 0)),
        *epochs(0.9, 0.4, 0.3, 0.2),
    ),
    "a rough patch of the schedule": mixed(
        *judged((1.0, 0.5, 0, 1, 0), (0.5, 0.7, 0, 1, 0), (0.7, 0.7, 0, 1, 0), (0.7, 0.7, 0, 1, 0)),
        *epochs(0.6, 0.8, 0.7),
    ),
    "rows that were seen once": mixed(
        *judged((1.0, 0.5, 0, 1, 0), (0.5, 0.7, 0, 1, 0), (0.7, 0.7, 0, 1, 0), (0.7, 0.7, 0, 1, 0)),
        *epochs(0.9, 0.4, 0.3, each=0.3),
    ),
    "fewer right, and that may be chance": probes("grpo", 20, 14, 13, 14, 13, 14),
    "few to lose": probes("grpo", 5, 1, 1, 1, 1),
    "surely fewer, but not by much": probes("grpo", 60, 45, 45, 45),
    "a format that is unlearnt for a better one": probes("sft", 20, 2, 2, 4, 6, 7, 12, 30),
    "a rough warm-up made good": evaluations("eval_loss", 0.061, 0.113, 0.076, 0.061, 0.059),
    "slow learning": evaluations("eval_loss", 1.0, 1.0, 1.0, 1.0, 0.97, 0.96),
    "ten steps in all": sft(
        *((n, {"eval_loss": 1.0, "truncation": 1.0, "repetition": 0.2}) for n in range(9)), steps=8
    ),
}
