"""Dead gradient: in almost every group all completions earn the same, so that no advantage is left to learn
from. The tasks are too hard for this checkpoint, sampling too cold, or the reward finds nothing to judge."""

from statistics import fmean

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import earning

AFTER = ("entropy_collapse",)
LAST = 3  # logged rows in a row, at least
PROMPTS = 30  # behind those rows, at least: were a tenth of the groups alive, 30 are all dead once in 24
DEAD = 0.9  # share of groups without spread of reward
SOLVED = 0.9  # of the highest reward: groups that are all right are no fault
REMEDIES = (
    ("num_generations", more),
    ("temperature", more),
    ("learning_rate", times(0.1)),
    ("max_completion_length", times(2)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows all have DEAD groups or more, and the reward neither rises nor is at its top."""
    weighed = run.weighed("frac_reward_zero_std")
    last = 0
    while last < len(weighed) and (last < LAST or sum(prompts for _, prompts in weighed[-last:]) < PROMPTS):
        last += 1
    dead, rewards = [share for share, _ in weighed[-last:]], run.series("reward")[-last:]
    enough = last >= LAST and sum(prompts for _, prompts in weighed[-last:]) >= PROMPTS
    top = run.top_reward
    if not enough or min(dead) < DEAD or not rewards or fmean(rewards) >= SOLVED * top or earning(run):
        return None
    text = f"{fmean(dead):.0%} of groups have no spread of reward, at a reward of {fmean(rewards):.2f} of {top:.2g}"
    return Symptom(text, REMEDIES)
