"""Many questions: each answer is on disk before it is used, none is paid for twice, and no more dollars are spent than
allowed. A service answers several at once, or in batches for half the price (Anthropic's Message Batches).
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from intern import files, llm, records
from intern.errors import UserError
from intern.llm import Answer, Question, Settings
from intern.text import one_line

HALF = 0.5  # price of an answer in a batch beside that of one at once (Anthropic's list)
LARGEST = 10_000  # questions of one batch; the service takes 100,000, or 256 MB
FAILURES = 5  # answers in a row that never came, after which nobody is asked further
Asked = Mapping[str, Question]  # by their keys
Source = Callable[[Asked], Iterator[tuple[str, Answer]]]  # yields the answers as they come; none for want of dollars
Say = Callable[[str], None]


@dataclass
class Purse:
    """Dollars that may be spent."""

    limit: float
    """All of them."""
    spent: float = 0.0
    """Those that are spent."""
    held: float = 0.0
    """Those that what was asked and not answered yet may cost at most."""
    empty: bool = False
    """Whether something was not asked for want of dollars."""

    def take(self, most: float) -> bool:
        """Hold what an answer costs at most; return whether there is so much."""
        if self.spent + self.held + most > self.limit:
            self.empty = True
            return False
        self.held += most
        return True

    def pay(self, most: float, dollars: float) -> None:
        """Pay for an answer."""
        self.held -= most
        self.spent += dollars


class Kept:
    """Answers in a file of JSON lines that several processes may append to; a line that a kill tore is passed over."""

    def __init__(self, path: Path, by: str) -> None:
        """Read a file of answers, and add to it under a name: what an answer of that name cost was paid by it."""
        self.path, self.by = path, by
        self.answers: dict[str, Answer] = {}
        self.batches: dict[str, tuple[str, ...]] = {}
        self.paid = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_bytes().split(b"\n") if path.exists() else ():
            with suppress(ValueError, TypeError, KeyError):  # torn, or somebody else's
                self._take(json.loads(line))

    def add(self, key: str, answer: Answer) -> None:
        """Keep an answer, unless it never came: that is asked for again next time."""
        if came(answer):
            self._put({"key": key, "by": self.by, "answer": records.dump(answer)})

    def add_batch(self, name: str, keys: Iterable[str]) -> None:
        """Keep the name of a batch, before it is waited for."""
        self._put({"batch": name, "keys": list(keys)})

    def _put(self, row: dict[str, Any]) -> None:
        with files.locked(self.path.with_suffix(".lock")):
            files.append(self.path, row)
        self._take(row)

    def _take(self, row: dict[str, Any]) -> None:
        if "batch" in row:
            self.batches[str(row["batch"])] = tuple(map(str, row["keys"]))
            return
        answer = records.load(Answer, row["answer"])
        self.answers[str(row["key"])] = answer
        self.paid += answer.dollars if row["by"] == self.by else 0.0


def came(answer: Answer) -> bool:
    """Return whether a model has answered, if only with a refusal or with what cannot be read."""
    return answer.value is not None or bool(answer.model)


def asked(questions: Asked, kept: Kept, source: Source) -> dict[str, Answer]:
    """Return the answers to questions by their keys: those that are kept, else those of the source, which are kept
    first. What was not asked for want of dollars has none.

    Raises:
        UserError: if several in a row never came.
    """
    answers = {key: kept.answers[key] for key in questions if key in kept.answers}
    rest = {key: question for key, question in questions.items() if key not in answers}
    failures = 0
    for key, answer in source(rest) if rest else ():
        kept.add(key, answer)
        answers[key] = answer
        failures = 0 if came(answer) else failures + 1
        if failures == FAILURES:
            raise UserError(f"The service does not answer ({answer.error}). {kept_says(kept)}")
    return answers


def kept_says(kept: Kept) -> str:
    """Say that nothing is lost that was paid."""
    return f"What it has answered is kept ({len(kept.answers)} answers), and is not asked again."


def at_once(settings: Settings, secret: str | None, purse: Purse, parallel: int) -> Source:
    """Return a source that asks several questions at the same time."""

    def ask(questions: Asked) -> Iterator[tuple[str, Answer]]:
        rest = deque((key, question, llm.most(settings, question)) for key, question in questions.items())
        running: dict[Future[Answer], tuple[str, float]] = {}
        pool, client = ThreadPoolExecutor(parallel), llm.client_of(settings, secret)
        try:
            while rest or running:
                while rest and len(running) < parallel and purse.take(rest[0][2]):
                    key, question, most = rest.popleft()
                    running[pool.submit(llm.ask_of, client, settings, question)] = key, most
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key, most = running.pop(future)
                    answer = future.result()
                    purse.pay(most, answer.dollars)
                    yield key, answer
        finally:
            pool.shutdown(cancel_futures=True)
            client.close()

    return ask


def in_batches(settings: Settings, secret: str | None, purse: Purse, kept: Kept, pause: float, say: Say) -> Source:
    """Return a source that asks in batches: those of an attempt that was killed are waited for, and not sent again.

    Args:
        settings: the service.
        secret: its key; None: the environment's.
        purse: the dollars.
        kept: where the batches' names are kept.
        pause: seconds between two looks at a batch.
        say: is told how far a batch is.
    """

    def ask(questions: Asked) -> Iterator[tuple[str, Answer]]:
        rest = dict(questions)
        with llm.client_of(settings, secret) as client:
            for name, keys in list(kept.batches.items()):
                if set(keys) & rest.keys():
                    for key, answer in results(client, name, rest, settings, pause, say):
                        if came(answer) and key in rest:
                            del rest[key]
                            purse.spent += answer.dollars
                            yield key, answer
            while rest and (part := affordable(settings, rest, purse)):
                entries = [{"custom_id": key, "params": llm.request(settings, rest[key])} for key in part]
                name = sent(client, entries)
                kept.add_batch(name, part)
                for key, answer in results(client, name, rest, settings, pause, say):
                    if key in part:
                        purse.pay(part.pop(key), answer.dollars)
                        yield key, answer
                        del rest[key]
                for key, most in part.items():  # what the service forgot
                    purse.pay(most, 0.0)
                    yield key, Answer(rest.pop(key).digest, error="the batch has no answer to it")

    return ask


def affordable(settings: Settings, questions: Asked, purse: Purse) -> dict[str, float]:
    """Return the first questions that the dollars suffice for, with what each costs at most."""
    part: dict[str, float] = {}
    for key, question in islice(questions.items(), LARGEST):
        most = HALF * llm.most(settings, question)
        if not purse.take(most):
            break
        part[key] = most
    return part


def sent(client: Any, entries: list[dict[str, Any]]) -> str:
    """Send a batch and return its name.

    Raises:
        UserError: if the service does not take it.
    """
    try:
        return str(client.messages.batches.create(requests=entries).id)
    except Exception as error:  # the network's border
        raise UserError(f"The service takes no batch ({llm.fault(client, error)}). Try without: batch=false.") from None


def results(
    client: Any, name: str, questions: Asked, settings: Settings, pause: float, say: Say
) -> Iterator[tuple[str, Answer]]:
    """Wait for a batch, and yield (key, answer) of those of its questions that are among these; of one that the service
    no longer has none.

    Raises:
        UserError: if the service cannot be reached any more.
    """
    import anthropic

    failures, done = 0, False
    while not done:
        try:
            batch = client.messages.batches.retrieve(name)
            done, failures = batch.processing_status == "ended", 0
            say(f"batch {one_line(name, 100)}: {batch.request_counts.processing} under way")
        except anthropic.NotFoundError:
            return
        except Exception as error:
            failures += 1
            if failures == FAILURES:
                why = llm.fault(client, error)
                raise UserError(f"Batch {one_line(name, 100)} cannot be reached ({why}).") from None
        if not done:
            time.sleep(pause)
    try:
        for entry in client.messages.batches.results(name):
            if question := questions.get(entry.custom_id):
                yield entry.custom_id, answered(settings, question, entry.result)
    except anthropic.AnthropicError as error:
        raise UserError(f"Batch {one_line(name, 100)} cannot be read ({llm.fault(client, error)}).") from None


def answered(settings: Settings, question: Question, result: Any) -> Answer:
    """Return the answer that a result of a batch is, at half the price."""
    if result.type != "succeeded":
        why = getattr(getattr(getattr(result, "error", None), "error", None), "message", "")
        return Answer(question.digest, error=one_line(f"{result.type} {why}".strip(), 300))
    answer = llm.read(settings, question, result.message, 0.0)
    return replace(answer, dollars=round(HALF * answer.dollars, 6))
