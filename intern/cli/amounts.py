"""The numbers of a request: sizes, money, time, trials and the seed, in digits or in words.

Where a request says several amounts of one kind, the least counts, so that it never spends more than it was told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from intern.errors import UserError

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {
    **{word: float(n) for n, word in enumerate(f"{ONES} eighteen nineteen".split())},
    **{word: 10.0 * n for n, word in enumerate(TENS.split(), start=2)},
    **{"a": 0.0, "an": 0.0, "and": 0.0, "of": 0.0, "single": 1.0, "couple": 2.0, "few": 3.0, "half": 0.5},
}
WITHIN = {"hundred": 100.0, "dozen": 12.0, "quarter": 0.25, "quarters": 0.25}  # they multiply what stands before
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
LETTERS = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9}
HOURS = {  # phrase → hours, as people plan; what was taken is shown before anything runs
    "overnight": 8,
    "over ?night": 8,
    "tonight": 8,
    r"(?:by|until|till) tomorrow morning": 12,
    r"(?:by|until|till) (?:the end of )?tomorrow": 24,
    r"(?:by|until|till) (?:the )?end of (?:the )?day": 8,
    r"(?:over|during|in) (?:the |my )?lunch(?: break)?": 1,
    r"(?:over |during |by the end of )?(?:the|a) week-?end": 48,
    "all day": 24,
    "all week": 168,
}
UNITS = {"s": 1 / 3600, "m": 1 / 60, "h": 1, "d": 24, "w": 168}

NUMBER_WORD = rf"(?:{'|'.join([*SMALL, *WITHIN, *SCALES])})\b"
DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![\d,.]*\d)"
NUMBER = rf"(?<![\w.$])(?:{DIGITS}(?: (?:hundred|thousand|million|billion))?|{NUMBER_WORD}(?:[ -]{NUMBER_WORD})*)"
TIME_UNIT = r"(?:h|hrs?|hours?|mins?|minutes?|d|days?|weeks?|wks?|s|secs?|seconds?)\b"
DURATION = rf"{NUMBER}[ -]?{TIME_UNIT}(?: and a half\b)?"
LONGER = rf"{DURATION}(?:(?:,? and |,? ){DURATION})*|\d+h ?\d+(?:m\b)?"
MONEY = re.compile(
    rf"(?:\bus ?)?\$ ?(?P<a>{DIGITS} ?k?)\b"
    rf"|(?P<b>{NUMBER} ?k?) ?(?:\$(?! ?\d)|(?:us )?dollars?\b|bucks?\b|usd\b)"
    rf"|\b(?:usd|dollars) ?(?P<c>{DIGITS})\b|(?P<cents>{NUMBER}) ?cents?\b|\ba (?P<note>tenner|fiver)\b"
)
RATE = re.compile(  # dollars an hour are no budget
    rf"(?:\$ ?{DIGITS}|{NUMBER}[ -]?(?:\$|dollars?\b|bucks?\b|usd\b|cents?\b|{TIME_UNIT}))"
    r" ?(?:/|per\b|each\b|every\b|an? (?=hour|day|trial|run)) ?\w*"
)
FOREIGN = re.compile(rf"[£€¥₹] ?{DIGITS}|{NUMBER} ?(?:[£€¥₹]|(?:pounds?|quid|euros?|eur|gbp|yen|yuan|rupees?)\b)")
TIME = re.compile(rf"(?P<said>{LONGER})|\b(?:in|for|within) (?P<short>\d+) ?m\b")
TRIALS = re.compile(rf"(?P<n>{NUMBER})(?: more| different)? (?:trials?|experiments?|runs?|tries|attempts?|trails)\b")
SEED = re.compile(r"\bseed(?: of| number|:)? (\d+)\b")
PARAMETERS = r"(?:[ -]?(?:params?|parameters?)\b)?"
OTHER = r"(?! ?(?:steps?|rows?|tokens?|examples?|samples?|items?|questions?|context|sequences?|words?|digits?)\b)"
AMOUNT = rf"(?:(?:{DIGITS} ?(?:k|m|mn|b|bn)|{NUMBER})\b{PARAMETERS}{OTHER})"
BELOW = (
    r"under|below|less than|smaller than|fewer than|at most|up to|no more than|no (?:larger|bigger) than|not over|"
    r"maximum(?: of)?|max\.?(?: of)?|within|<=?|≤|sub"
)
ABOVE = r"over|above|more than|larger than|bigger than|at least|no less than|no (?:fewer|smaller) than|>=?|≥|from"
AFTER_BELOW = r"or (?:less|smaller|under|below|fewer)|max(?:imum)?|at most|tops|and (?:under|below)"
AFTER_ABOVE = r"or (?:more|larger|bigger|above|over)|and (?:up|above)|\+"
SIZE = re.compile(
    rf"(?:\b|(?<!\w))(?:(?P<between>(?:between )?(?P<low>{AMOUNT})(?: and | to | ?- ?|–)(?P<high>{AMOUNT}))"
    rf"|(?:(?:(?P<below>{BELOW})|(?P<above>{ABOVE})|(?P<about>about|around|roughly|circa|~))(?: a| an)?[ -]?)?"
    rf"(?P<size>{AMOUNT})(?: ?(?:(?P<less>{AFTER_BELOW})|(?P<more>{AFTER_ABOVE}))(?!\w))?)"
)
NEAR, ABOUT = 1.2, 2.0  # "600M" is a model of 596 M, "about 1B" may be half or twice that


class Text:
    """A request whose read parts are blanked, so that nothing is read twice."""

    def __init__(self, sentence: str) -> None:
        self.said = sentence
        self.left = "".join(char.lower() if len(char.lower()) == 1 else char for char in sentence)

    def blank(self, start: int, end: int) -> None:
        """Blank a part that was read."""
        self.left = self.left[:start] + "\0" * (end - start) + self.left[end:]

    def take(self, pattern: "re.Pattern[str]") -> Iterator["re.Match[str]"]:
        """Yield each match of a pattern, and blank it."""
        for match in list(pattern.finditer(self.left)):
            self.blank(*match.span())
            yield match


@dataclass(frozen=True)
class Size:
    """How many parameters a model should have."""

    low: float = 0.0
    """At least."""
    high: float = float("inf")
    """At most."""
    near: float | None = None
    """Or about so many, and then the one that comes nearest."""


def number(text: str) -> float:
    """Return the number that digits or words say: "1,000", "1.5k", "two and a half", "half a million"."""
    total = group = 0.0
    words = re.findall(r"[\d.,]+|[a-z]+", text)
    for word in words:
        if word[0].isdigit() or word[0] == ".":
            group += float(word.replace(",", "") or 0)
        elif word in WITHIN:
            group = (group or 1) * WITHIN[word]
        elif scale := SCALES.get(word) or LETTERS.get(word):
            total, group = total + (group or 1) * scale, 0.0
        else:
            group += SMALL.get(word, 0.0)
    only_article = set(words) <= {"a", "an", "of", "and"}
    return 1.0 if only_article else total + group


def money(text: Text) -> float | None:
    """Take dollars out of a request; return the least.

    Raises:
        UserError: for another currency: a limit that cannot be kept is not let go.
    """
    said: list[float] = []
    for match in text.take(MONEY):
        if match["note"]:
            said.append({"tenner": 10.0, "fiver": 5.0}[match["note"]])
        elif match["cents"]:
            said.append(number(match["cents"]) / 100)
        else:
            said.append(number(match["a"] or match["b"] or match["c"]))
    if foreign := FOREIGN.search(text.left):
        raise UserError(f'"{text.said[slice(*foreign.span())]}": a budget is in dollars. Say it in dollars: $10.')
    return min(said, default=None)


def hours(text: Text) -> float | None:
    """Take times out of a request; return the least, in hours."""
    said: list[float] = []
    for phrase, long in HOURS.items():
        said += [float(long) for _ in text.take(re.compile(rf"\b{phrase}\b"))]
    for match in text.take(TIME):
        said.append(int(match["short"]) / 60 if match["short"] else duration(match["said"]))
    return min(said, default=None)


def duration(text: str) -> float:
    """Return the hours that "1 hour and 30 minutes", "1h30" or "an hour and a half" says."""
    if short := re.fullmatch(r"(\d+)h ?(\d+)m?", text):
        return int(short[1]) + int(short[2]) / 60
    total = 0.0
    for part in re.finditer(rf"(?P<n>{NUMBER})[ -]?(?P<unit>{TIME_UNIT})(?P<half> and a half\b)?", text):
        total += (number(part["n"]) + (0.5 if part["half"] else 0.0)) * UNITS[part["unit"][0]]
    return total


def trials(text: Text) -> float | None:
    """Take numbers of trials out of a request; return the least. "Give it a try" is none."""
    said = [number(match["n"]) for match in text.take(TRIALS) if match["n"] not in ("a", "an")]
    return min(said, default=None)


def seed(text: Text) -> int | None:
    """Take the seed out of a request."""
    said = [int(match[1]) for match in text.take(SEED)]
    return said[0] if said else None


def size(text: Text) -> Size | None:
    """Take the sizes of models out of a request; return all that they demand."""
    low, high, near = 0.0, float("inf"), None
    for match in list(SIZE.finditer(text.left)):
        if not sized(match["high"] or match["size"]):
            continue
        text.blank(*match.span())
        if match["between"]:
            unit = "" if sized(match["low"]) else re.sub(r"[\d., ]", "", match["high"])  # "1-2B"
            low, high = number(match["low"] + unit), number(match["high"]) * 1.05
            continue
        said = number(match["size"])
        if match["below"] or match["less"]:  # "at most 1.7B" has room for a model of 1.72 B that goes by that name
            strict = re.fullmatch("under|below|less than|smaller than|<|sub", match["below"] or "")
            high = min(high, said * (1 - 1e-9 if strict else 1.05))
        elif match["above"] or match["more"]:
            low = max(low, said * 0.95)
        else:
            near, high = said, min(high, said * (ABOUT if match["about"] else NEAR))
            low = max(low, said / (ABOUT if match["about"] else NEAR))
    return None if (low, high, near) == (0.0, float("inf"), None) else Size(low, high, near)


def short(parameters: float) -> str:
    """Return a number of parameters as people write it: 1.72B, 596M."""
    for letter, scale in (("B", 1e9), ("M", 1e6)):
        if parameters >= scale:
            return f"{parameters / scale:.3g}{letter}"
    return f"{parameters:,.0f}"


def sized(text: str) -> bool:
    """Return whether a number counts parameters: it says so, or is as large as only they are."""
    return bool(re.search(r"\d ?(?:k|m|mn|b|bn)\b|thousand|million|billion|param", text))
