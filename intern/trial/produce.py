"""A stage's output, made in a fresh child, with as many rows at once as its machine's memory allows.

The rows of a step are the recipe's; into how many passes they are split is the machine's: what is learnt is the same up
to rounding, so the output's name says nothing of it. Fewer rows at once are chosen if the memory foretold for a stage
is not there, and again each time that it is used up all the same; at one row it is the stage's failure.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from intern import damage, hardware
from intern.config.cost import Lengths
from intern.config.stages import Stage
from intern.data import lengths
from intern.machine import memory
from intern.stages import PARTIAL, Task
from intern.trial import child
from intern.trial.child import OutOfMemory, StageFailed

UNBOUNDED = 10**6  # tokens of a row, where the model says nothing of them
Note = Callable[..., None]


def produce(
    stage: Stage,
    task: Task,
    threads: int | None,
    signs: Sequence[Path],
    note: Note,
    pay: Callable[[Task], None],
) -> int:
    """Run one stage in a fresh child, which writes into the trial's own folder; return into how many passes those of
    its settings were split.

    Args:
        signs: files and folders that change while the stage gets on.
        note: appends an event: "alive" now and then, "split" with the reason for fewer rows at once.
        pay: counts what the stage has paid, of which its folder tells.

    Raises:
        StageFailed: if the stage ended with an error; its half-made folder is then removed. One that was killed keeps
            it, to go on from there.
    """
    task.out.mkdir(parents=True, exist_ok=True)
    task, parts = foreseen(stage, task)
    if parts > 1:
        note("split", name=task.name, parts=parts, why="less memory is free than is foretold to be needed")
    while True:
        try:
            child.run(stage.name, task, threads, signs, lambda: note("alive"))
            break
        except StageFailed as failure:
            smaller = stage.halved(task.settings) if isinstance(failure, OutOfMemory) else None
            if smaller is None:
                pay(task)
                shutil.rmtree(task.out, ignore_errors=True)
                raise
            task, parts = replace(task, settings=smaller), 2 * parts
            print(f"{failure}: tried again with the rows of a step in {parts} times as many passes")
            note("split", name=task.name, parts=parts, why=str(failure))
    pay(task)
    shutil.rmtree(task.out / PARTIAL, ignore_errors=True)
    return parts


def foreseen(stage: Stage, task: Task) -> tuple[Task, int]:
    """Return a task with as few rows at once as the memory that is free demands, and into how many parts that splits
    those of its settings."""
    cost, model = stage.cost(task.settings, task.config, None), task.config.model
    if cost.training is None or task.rows is None or not model.shape.known:
        return task, 1
    gpu, free = device()
    free /= task.config.compute.slots
    context = float(model.context or UNBOUNDED)
    if memory.need(cost, task.config, Lengths(context, context, context), gpu, free).high <= free:
        return task, 1  # however long the rows are: they need not be counted
    known = counted(task, model)
    settings, parts = memory.fitted(stage, task.settings, task.config, known, gpu, free)
    return replace(task, settings=settings), parts


def counted(task: Task, model: Any) -> Lengths:
    """Return the lengths of a task's first rows."""
    assert task.rows
    with task.rows.open("rb") as file:
        few = b"".join(islice(file, lengths.FEW))
    return lengths.counted(damage.rows(task.rows, few), replace(model, path=task.model))


def device() -> tuple[bool, float]:
    """Return whether training runs on a GPU here, and the bytes that are there for it."""
    for told in hardware.gpus()[:1]:
        if size := hardware.gpu_memory(told):
            return True, size
    return False, hardware.memory()[0]
