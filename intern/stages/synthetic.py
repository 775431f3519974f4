"""Stage synthetic: rows made by the goal's generator, the working written out, added to the rows so far."""

import random
from pathlib import Path

from intern.config.schema import Config
from intern.data import items
from intern.errors import UserError
from intern.stages import Inputs, Step

VERSION = 1
READS = ("goal", "recipe.synthetic")
USES = ("rows", "seed")
MAKES = "rows"


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Write rows.jsonl: train items alone, by the rule that keeps a generator's splits apart."""
    wanted = config.recipe.synthetic
    drawn = items.take(items.generated(config.goal, "train", inputs.seed), wanted.rows)
    if wanted.style == "solution":
        if drawn and "solution" not in drawn[0]:
            raise UserError(f"Generator {config.goal.generator} writes no solutions: recipe.synthetic.style=answer.")
        drawn = [{**row, "target": row["solution"]} for row in drawn]
    rows = (items.read(inputs.rows) if inputs.rows else []) + drawn
    random.Random(inputs.seed).shuffle(rows)
    print(f"synthetic: {len(drawn)} rows made, {len(rows)} in all")
    items.write(out / "rows.jsonl", rows)
