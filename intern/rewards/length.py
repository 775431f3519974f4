"""1 for a completion that is not too long, less the nearer it comes to its limit, 0 at it: DAPO's soft overlong
punishment (arXiv:2503.14476, equation 13) plus 1, since a reward lies in [0, 1] and GRPO's advantage knows no constant.

With the limit L and its last C tokens shaped, a completion of y tokens gets 1 for y <= L - C, (L - y) / C between, and
0 for y >= L. L is the stage's `max_completion_length`, C a share of it (DAPO: 4,096 of 20,480). It is None where nobody
counted tokens: it shapes rollouts, and scores nothing.

How it is hacked, and what is done about it. An empty completion earns all of it: it must weigh less than a right answer
(DAPO's proportion is a weight of 0.5 beside a goal of 0 or 1), and never stand alone. Text without blanks or in another
script: tokens are counted, not words. With `mask_truncated_completions` what is cut has no gradient, so that only the
slope before the limit is felt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

COLUMNS = (("completion_ids", "max_completion_length"),)


@dataclass
class Settings:
    """Where the slope begins."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Of the limit: the last tokens, over which the reward falls from 1 to 0."""


def outcome(text: str, row: Mapping[str, Any], settings: Settings) -> float | None:
    """Return the reward of a completion's length; None without its tokens and its limit."""
    tokens, limit = row.get("completion_ids"), row.get("max_completion_length")
    if tokens is None or not limit:
        return None
    return float(min(1.0, max(0.0, (limit - len(tokens)) / (settings.share * limit))))
