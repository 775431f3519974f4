"""What the rows of a stage are held against before they may be trained on."""

from collections.abc import Sequence

from intern.data import held_out
from intern.data.decontamination import Decontamination
from intern.data.items import Row
from intern.stages import Task


def guard(task: Task, rows: Sequence[Row], few_shot: bool = True) -> Decontamination:
    """Return what knows every item of the goal, and from the rows how rare their words are.

    Args:
        task: the stage's.
        rows: what is to be held against them.
        few_shot: whether few-shot examples count; a generator's are train items themselves.
    """
    goal = task.config.goal
    held = held_out.held_out(goal, task.items, "", task.config.compute.mirror)
    shown = [item for item in held if few_shot or not item.name.startswith(held_out.FEW_SHOT)]
    return held_out.guard(goal, shown, rows)
