"""How well goals fit a request: by the words of their names, summaries and tags, misspelt ones too.

A word counts the more, the fewer goals have it; one of a summary counts half.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from intern.cli.amounts import Text
from intern.cli.understood import LOCAL, GoalOption

CLOSE = 0.75  # of the best goal's score: a goal that scores so much fits about as well
SUMMARY = 0.5
TYPO, LONG = 0.8, 5  # how alike a misspelt word must be, and how long
TOKEN = re.compile(r"[^\W_]+(?:[.'’][^\W_]+)*")
USUAL = """
a abilities ability able about accuracy accurate accurately aim all also am an and answer answering answers any
anything are as at available base based be beating because been before benchmark best better big biggest boost bring
budget build building builds but by can capable cheap cheapest checkpoint clock competent could cpu cpus create data
dataset day days dear did do does don't each easy else ever experiment experiments fine finetune finetuned finetuning
fit fixed for from further general get gets getting give go goal going good got great had has have having hello help
here hi high higher highest hour hours how i i'd i'm i've ideal if improve improved improving in instruct into is it
it's its just keep kind knowledge language largest learn learning least less let let's like limit limited little llm
lm long lot low lowest made make makes making max maximise maximize maximum maybe me minutes model models money more
most much must my need nice no not nothing now number of off ok on one only optimise optimised optimize optimized or
our out over own parameter parameters params part per perform performance pick please pls plz possible post posttrain
pretty problem problems propose proposer question questions quick quickly quite really recipe result results run
running runs sake score scores see seed should skill skills small smaller smallest so some something spend spending
start starting strong stronger study take takes task teach than thank thanks that that's the their them then there
these they thing things think this those time times to too top tops total train trained training trial trials try
trying tune tuned tuning tweak two under until up us use useful using version very via wall want wants way we weights
well what what's whatever whats when where which while who whole will wish with within work working would yet you
you're your
"""  # words of requests that mean none of the options
COMMON = frozenset(USUAL.split())


@dataclass(frozen=True)
class Token:
    """A word of a request."""

    stem: str
    """Without the ending that number and form give it; of a misspelt one, that of the word which was meant."""
    start: int
    """Where it begins."""
    end: int
    """Where it ends."""


def stem(word: str) -> str:
    """Return a word without what number and form add: "sums" and "sum", "adding" and "add" are one."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-3] if len(word) > 5 and word.endswith("ing") else word


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words."""
    return tuple(stem(word) for word in TOKEN.findall(text.lower()))


def tokens(text: Text, known: Iterable[str]) -> list[Token]:
    """Return the words of a request that nobody has read yet; those near a known stem are taken for it."""
    long = [word for word in known if len(word) >= LONG]
    made = []
    for match in TOKEN.finditer(text.left):
        word = stem(match[0])
        if len(word) >= LONG and match[0] not in COMMON and word not in long:
            word = next(iter(get_close_matches(word, long, n=1, cutoff=TYPO)), word)
        made.append(Token(word, *match.span()))
    return made


def terms(goal: GoalOption) -> dict[tuple[str, ...], float]:
    """Return what a goal is called, as stems, and how much each counts: its name and the words of it, its tags, the
    words of its summary."""
    counted: dict[tuple[str, ...], float] = {}
    for word in TOKEN.findall(goal.summary.lower()):
        if word not in COMMON and len(word) > 2:
            counted[(stem(word),)] = SUMMARY
    if goal.name != LOCAL:  # "a local model" means none of a person's files
        parts = TOKEN.findall(goal.name.lower())
        share = 1 / math.sqrt(len(parts) or 1)
        counted |= {(stem(part),): share for part in parts if part not in COMMON and not part.isdigit()}
        counted[stems(goal.name)] = 1.0
    return counted | {stems(tag): 1.0 for tag in goal.tags}


def matches(goal: GoalOption, said: Sequence[Token], text: Text) -> dict[Token, float]:
    """Return how much each word of a request that means a goal counts."""
    counted: dict[Token, float] = {}
    for term, weight in terms(goal).items():
        for at in range(len(said) - len(term) + 1):
            run = said[at : at + len(term)]
            together = text.left[run[0].start : run[-1].end] if run else "\0"
            if tuple(token.stem for token in run) == term and not set(together) & set("\0,;:.!?()"):
                each = weight / math.sqrt(len(term))  # three words that mean one thing are not three reasons
                counted |= {token: max(each, counted.get(token, 0.0)) for token in run}
    return counted


def ranked(goals: Sequence[GoalOption], said: Sequence[Token], text: Text) -> list[tuple[float, GoalOption]]:
    """Return (score, goal) of those that a request means by a name, a tag, or two words of their summary, the best
    first."""
    found = {goal.name: matches(goal, said, text) for goal in goals}
    scored = []
    for goal in goals:
        if sum(found[goal.name].values()) < 1.0:  # one word of a summary says nothing
            continue
        worth: dict[str, float] = {}
        for token, weight in found[goal.name].items():
            having = sum(token in other for other in found.values())
            worth[token.stem] = max(worth.get(token.stem, 0.0), weight * math.log(1 + len(goals) / having))
        scored.append((sum(worth.values()), goal))
    return sorted(scored, key=lambda entry: -entry[0])


def fitting(goals: Sequence[GoalOption], said: Sequence[Token], text: Text) -> list[GoalOption]:
    """Return the goals that fit a request about as well as the best."""
    scored = ranked(goals, said, text)
    return [goal for score, goal in scored if score >= CLOSE * scored[0][0]]


def called(goal: GoalOption) -> list[tuple[str, ...]]:
    """Return the names and tags of a goal, as stems."""
    return [term for term, weight in terms(goal).items() if weight == 1.0]


def vocabulary(goals: Iterable[GoalOption]) -> set[str]:
    """Return every stem of the goals' names and tags."""
    return {part for goal in goals for term in called(goal) for part in term}
