"""What to try next where nothing was better than the base: read off the study's own record, rule by rule.

A rule is a pure function of the facts: it says what it saw, with its numbers, and which words of the command line may
help. It is silent where the record does not speak.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from intern.config.schema import Goal
from intern.overrides import Overrides
from intern.records import Diagnosis, Trial
from intern.report import answers, fmt
from intern.report.answers import CUT, RIGHT, UNREAD, kind
from intern.report.facts import Facts, Rows, gather, share
from intern.report.stops import stops
from intern.report.words import FAR, HIGHER, faster, gentler, lined, longer, prompted
from intern.stats import power
from intern.study.reader import Reader

MOST = 0.5  # of the answers: what is amiss with most of them is to be mended first
FALL = 0.02  # of the held-out loss between its last two looks: what the diagnosis rules call learning
LARGE = 0.1  # a gain that no one would want to miss
REACH = 10  # times as many items, beyond which a lead is no more than chance would make it
FEWER = 4  # times as many items prove half the gain, for its error falls with their root
FIRED = 3  # diagnoses that are told


@dataclass(frozen=True)
class Advice:
    """One thing that the record shows, and what may help."""

    seen: str
    """What the record shows."""
    words: tuple[str, ...] = ()
    """Words for the command line of a new study, each an advice of its own, the most promising first."""
    also: str = ""
    """What may help and is no word of the command line."""

    def line(self) -> str:
        """Return it as one line of text."""
        todo = [*self.words, *([self.also] if self.also else [])]
        return self.sentence + (f" Try {', or '.join(todo)}." if todo else "")

    @property
    def sentence(self) -> str:
        """What the record shows, as a sentence."""
        return f"{self.seen[:1].upper()}{self.seen[1:]}."


Rule = Callable[[Facts], Advice | None]


def advice(study: Reader) -> list[Advice]:
    """Return what to try next; nothing if a trial was better than the base."""
    if study.learnt:
        return []
    seen = gather(study)
    told = of_trial(seen) if seen else []
    return [*told, *fired(study, seen)]


def of_trial(seen: Facts) -> list[Advice]:
    """Return what the trial with the highest score tells: the first of the causes that fits, and what else is seen."""
    causes = [one for rule in CAUSES if (one := rule(seen))]
    return [*causes[:1], *(one for rule in OTHERS if (one := rule(seen)))]


def unmoved(seen: Facts) -> Advice | None:
    """Advise a far higher learning rate if no trial is right or wrong where the base is not."""
    judged = [trial.verdict for trial in seen.tried if trial.verdict] or [seen.verdict]
    if any(verdict.wins + verdict.losses for verdict in (*judged, seen.verdict)) or seen.alike <= MOST:
        return None
    every = f"each of the {len(judged)} scored trials is" if len(judged) > 1 else f"{seen.who} is"
    text = f"{every} right and wrong on the very dev items on which the base is"
    if "response" in seen.rows[0]:
        text += f", and {fmt.percent(seen.alike)} of what {seen.who} wrote is what the base wrote"
    further = faster(seen, FAR * FAR) if seen.alike == 1 else ()
    return Advice(f"{text}: training has hardly changed the model", (*faster(seen, FAR), *further, *longer(seen)))


def one_answer(seen: Facts) -> Advice | None:
    """Advise to train otherwise if nearly all answers are one and the same."""
    mine, before = answers.same(seen.rows), answers.same(seen.base)
    if mine is None:
        return None
    if before and before.text == mine.text:
        return Advice(f"{mine.line(seen.who)}, and so does the base", (*faster(seen, HIGHER), *longer(seen)))
    return Advice(f"{mine.line(seen.who)}, and the base does not", (*faster(seen, 1 / HIGHER), *longer(seen)))


def unread(seen: Facts) -> Advice | None:
    """Advise to teach the form if the evaluator can read no answer in most of what was written, or to keep it."""
    if share(seen.rows, UNREAD, CUT) <= MOST or share(seen.rows, CUT) > share(seen.rows, UNREAD):
        return None
    reader = "the evaluator" if seen.goal.dev else f"the scorer {seen.goal.scorer}"
    mine, before = share(seen.rows, UNREAD, CUT), share(seen.base, UNREAD, CUT)
    text = f"{reader} can read no answer in {fmt.percent(mine)} of what {seen.who} wrote"
    text += f" ({fmt.percent(before)} of the base's)"
    if before <= MOST:
        return Advice(f"{text}: the form is lost", (*lined(seen), *gentler(seen)))
    text += ": the form is not learnt"
    if seen.taught:
        return Advice(text, (*lined(seen), *longer(seen), *faster(seen, HIGHER), *prompted(seen)))
    return Advice(text, prompted(seen), "a recipe that learns targets first: rewards teach no form that never occurs")


def cut(seen: Facts) -> Advice | None:
    """Advise to let answers be longer, or to teach where they end, if most are cut."""
    over, before = endless(seen.rows), endless(seen.base)
    mainly = share(seen.rows, UNREAD, CUT) > MOST and share(seen.rows, CUT) > share(seen.rows, UNREAD)
    if len(over) <= MOST * len(seen.rows) and not mainly:
        return None
    text = f"{fmt.percent(len(over) / len(seen.rows))} of the answers of {seen.who} are wrong and cut at the limit"
    text += f" ({fmt.percent(len(before) / len(seen.base))} of the base's)"
    if seen.goal.dev:
        return Advice(text, longer(seen), "a higher max_new_tokens of the goal's dev tasks")
    room = (f"goal.max_new_tokens={2 * seen.goal.max_new_tokens}",)
    wanted, written = (median(len(row[key]) for row in over) for key in ("target", "response"))
    if written < 2 * wanted:
        return Advice(text, (*room, *longer(seen)))
    text += f"; the expected ones have {wanted:.0f} characters at the median and these {written:.0f}"
    if len(before) <= MOST * len(seen.base):
        return Advice(f"{text}: where to end is lost", gentler(seen))
    return Advice(f"{text}: where to end is not learnt", (*longer(seen), *faster(seen, HIGHER), *room))


def endless(rows: Rows) -> Rows:
    """Return the answers that are not right and were cut."""
    return [row for row in rows if row.get("truncated") and kind(row) != RIGHT]


def worse(seen: Facts) -> Advice | None:
    """Advise to train more gently if even the best trial is worse than the base."""
    if seen.verdict.call != "discard":
        return None
    text = f"{seen.who}, the best of the trials, is worse than the base ({fmt.pair(seen.verdict)})"
    return Advice(f"{text}: training takes away what it can", gentler(seen))


def falling(seen: Facts) -> Advice | None:
    """Advise to train longer if a stage was still learning when it ended."""
    for name, rows in seen.metrics.items():
        losses, rewards = series(rows, "eval_loss"), series(rows, "reward")
        if len(losses) > 1 and losses[-1] < (1 - FALL) * losses[-2]:
            what = f"its loss on held-out rows still fell, from {losses[-2]:.3f} to {losses[-1]:.3f} at the last look"
        elif fmt.trend(rewards[len(rewards) // 2 :]) == "↑":
            what = f"its reward still rose, to {rewards[-1]:.3g}"
        else:
            continue
        return Advice(f"stage {name} of {seen.who} ended too soon: {what}", longer(seen, (name,)))
    return None


def series(rows: Rows, key: str) -> list[float]:
    """Return the finite values of one metric, in the order of their steps."""
    return [row[key] for row in rows if fmt.drawable(row.get(key))]


def few(seen: Facts) -> Advice | None:
    """Say how large a gain has to be before it can be proven, if a smaller one is there or would matter."""
    n, wins, losses = len(seen.rows), seen.verdict.wins, seen.verdict.losses
    least = power.provable(losses)
    gain = (least - losses) / n
    wanted = power.proving(wins, losses, n, REACH) if wins > losses else math.inf
    if wanted > REACH * n and gain < LARGE:
        return None
    text = f"with {losses} of {n} dev items lost, a gain can be proven from {fmt.points(gain)} points on"
    if least + losses > n:
        text = f"with {losses} of {n} dev items lost, no gain can be proven"
    if wanted > REACH * n:
        return enlarged(seen, text, FEWER * n, "halve that")
    text = f"{seen.who} is ahead of the base, which may be chance ({fmt.pair(seen.verdict)}): {text}"
    return enlarged(seen, text, int(wanted), "would prove it if it goes on so")


def enlarged(seen: Facts, text: str, wanted: int, what: str) -> Advice:
    """Return the advice to take so many dev items, in the way in which the goal gets its own."""
    goal, have = seen.goal, len(seen.rows)
    if goal.dev:
        return Advice(text, (), f"a higher limit of the goal's dev tasks ({wanted} items {what})")
    if have >= goal.dev_items:
        return Advice(f"{text}; {wanted} items {what}", (f"goal.dev_items={wanted}",))
    if goal.generator:
        return Advice(f"{text}; the generator {goal.generator} has no more items for dev")
    aim = f"{wanted} items {what}" + (f", with goal.dev_items={wanted}" if wanted > goal.dev_items else "")
    if published(goal):
        return Advice(text, (), f"a larger goal.dev_share of the train rows of {goal.hub} ({aim})")
    return Advice(text, (), f"more rows in dev.jsonl, or without one a larger goal.dev_share ({aim})")


def published(goal: Goal) -> bool:
    """Return whether a goal's rows come from the Hub: its folder is the copy that a study made, wherever that was."""
    if not goal.hub or not goal.data_dir:
        return bool(goal.hub)
    return Path(goal.data_dir).parent.name.startswith(goal.hub.replace("/", "--"))


def fired(study: Reader, seen: Facts | None) -> list[Advice]:
    """Return what may mend the symptoms of the study: of trials that a rule stopped, and of the best one's end."""
    told: dict[tuple[str | None, str, str], Advice] = {}
    for stop in reversed(stops(study)[0]):
        assert stop.trial.diagnosis
        if not stop.helped:
            one = mending(stop.trial, stop.trial.diagnosis, stop.untried, "stopped")
            told.setdefault((stop.trial.recipe, stop.trial.diagnosis.rule, stop.trial.diagnosis.stage), one)
    if seen:
        for note in seen.notes:
            one = mending(seen.trial, note, note.remedies, fmt.KEPT)
            told.setdefault((seen.trial.recipe, note.rule, note.stage), one)
    return [one for one in told.values() if one.words or one.also][:FIRED]


def mending(trial: Trial, found: Diagnosis, remedies: Sequence[Overrides], end: str) -> Advice:
    """Return the remedies of a diagnosis that are left, and what the recipe's contract would have to open for more."""
    text = f"{answers.name(trial)}: {found.rule} at {found.stage} step {found.step} ({end}): {found.symptom}"
    words = tuple(line for remedy in remedies for line in remedy.lines())
    opened = f"more remedies, once tunable of {trial.recipe} opens {', '.join(found.closed)}"
    return Advice(text, words, opened if found.closed else "")


CAUSES: tuple[Rule, ...] = (unmoved, one_answer, unread, cut, worse)  # each explains the answers; the first one speaks
OTHERS: tuple[Rule, ...] = (falling, few)
