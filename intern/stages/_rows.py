"""What the rows of a stage are held against before they may be trained on."""

from collections.abc import Sequence

from intern.data import held_out
from intern.data.decontamination import Decontamination
from intern.data.items import Row
from intern.stages import Task


def guard(task: Task, rows: Sequence[Row]) -> Decontamination:
    """Return what knows every item of the goal, and from the rows how rare their words are."""
    goal, stop = task.config.goal, task.config.model.eos_token or ""
    held = held_out.held_out(goal, task.items, stop, task.config.compute.mirror)
    return held_out.guard(goal, held, rows)
