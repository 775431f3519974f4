"""1 for the letter of the right choice, else 0; None if no letter is named.

Column: `answer`, the letter. The answer is what stands on the last line that begins `ANSWER:`, in the last `\\boxed{…}`
or after the last `answer is`, whichever comes last, and it has to be one letter, alone or at the front of its choice:
`B`, `(B)`, `**B**`, `B) Paris`, `B. Paris`, `option B`.

How it is hacked, and what is done about it. All letters, or several (`A or B`, `A, B`, `AB`, `A/B`, `A. (B)`): wrong,
as is an answer that goes on to another letter in brackets or a list. A letter that is a word (`A good question`): only
a bracket, a stop, a comma or a colon may follow one. What remains: with four choices a guess is right one time in four,
so a model that is always rewarded for guessing learns to guess; look at the share of each letter (the rule one_answer
does).
"""

import re
from collections.abc import Mapping
from typing import Any

COLUMNS = (("answer",),)
LONGEST = 500  # characters of an answer with the text of its choice
GIVEN = re.compile(r"ANSWER:|\\boxed\{|\banswer is:?", re.IGNORECASE)
ONE = re.compile(r"(?:option |choice )?[(\[]?([A-J])(?:[)\].:,]+(?:\s.*)?)?", re.IGNORECASE)
OTHER = re.compile(r"(?:\b(?i:or|and)|[,/&;])\s*[(\[]?[A-J](?![\w'])|[(\[][A-J][)\]]")
MARKS = re.compile(r"[*_`${}]|\\text(?:bf)?|\\mathrm")


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """Return 1.0 or 0.0; None without a letter."""
    places = list(GIVEN.finditer(text))
    if not places:
        return None
    line = text[places[-1].end() :].strip().partition("\n")[0][: LONGEST + 1]
    answer = MARKS.sub("", line).strip().removesuffix(".").strip()
    if not answer:
        return None
    match = ONE.fullmatch(answer)
    if match is None or len(line) > LONGEST:
        return 0.0
    rest = answer[match.end(1) :]
    return float(match[1].upper() == str(row.get("answer", "")).strip("() .").upper() and not OTHER.search(rest))
