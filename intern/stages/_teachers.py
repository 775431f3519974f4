"""Who teaches: a service that speaks Anthropic's Messages API, a server of one's own that does, or a model that is
loaded here. The key comes from the environment, and never goes to an address that a recipe names.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from intern import files, llm
from intern.data import hub_sets
from intern.errors import UserError
from intern.llm import Answer, Question, many
from intern.llm.many import Asked, Kept, Purse, Source
from intern.stages import Task
from intern.text import one_line

ADDRESS = "ANTHROPIC_BASE_URL"
ANSWERS, LOCK = "answers.jsonl", "answers.lock"
CHUNK = 32  # questions that a model which is loaded here answers, and whose answers are written, together


class Teacher:
    """Answers the questions of one stage."""

    def __init__(self, task: Task) -> None:
        """Take up the answers that there are; a model is loaded when the first question needs it."""
        wanted = task.settings
        limit = wanted.dollars if task.dollars is None else min(wanted.dollars, task.dollars)
        self.settings, self.purse = wanted, Purse(limit)
        self.kept = Kept(place(task), task.out.name)
        self.purse.spent = self.kept.paid
        self.asked: dict[str, Answer] = {}
        self.source = source(task, self.kept, self.purse)

    def __call__(self, questions: Mapping[str, Question]) -> dict[str, Answer]:
        """Return the answers to questions by their names; none for want of dollars.

        Two questions of one stage that are alike have different names, and so answers of their own.
        """
        keys = {name: key(self.settings, name, question) for name, question in questions.items()}
        answers = many.asked({keys[name]: questions[name] for name in questions}, self.kept, self.source)
        self.asked |= answers
        return {name: answers[keys[name]] for name in questions if keys[name] in answers}

    @property
    def name(self) -> str:
        """The model that is asked; of a folder the last part, which is no place of this machine."""
        return Path(self.settings.model).name if os.path.isdir(self.settings.model) else str(self.settings.model)

    @property
    def names(self) -> list[str]:
        """The model, as whoever answered names it."""
        called = {answer.model for answer in self.asked.values()} - {"", self.settings.model}
        return sorted(one_line(name, 200) for name in called)

    @property
    def dollars(self) -> float:
        """What the answers cost, whoever paid for them."""
        return round(sum(answer.dollars for answer in self.asked.values()), 6)


def local(settings: Any) -> bool:
    """Return whether nothing leaves this machine."""
    host = urlsplit(settings.base_url or os.environ.get(ADDRESS, "")).hostname or ""
    with suppress(ValueError):
        return settings.who == "local" or ip_address(host).is_loopback
    return host == "localhost"


def lacks(settings: Any) -> str:
    """Say what is missing so that nobody can teach; "" if nothing is."""
    if settings.who == "api":
        missing = llm.lack(llm.secret(settings.base_url))
        return f"{missing}; or let a model teach that is loaded here: who=local model=FOLDER" if missing else ""
    known = os.path.isdir(settings.model) or hub_sets.REPOSITORY.fullmatch(settings.model)
    return "" if known else f"model={settings.model} is neither a folder nor a repository, OWNER/NAME"


def key(settings: Any, name: str, question: Question) -> str:
    """Return under what an answer is kept."""
    whole = [question.digest, name, settings.max_tokens, settings.effort]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:32]


def place(task: Task) -> Path:
    """Return the file of answers: of a service's model one for all studies, for they were paid; of a model that is
    loaded here the stage's own."""
    wanted = task.settings
    if wanted.who == "local":
        return task.out / ANSWERS
    whole = json.dumps([wanted.base_url or os.environ.get(ADDRESS), wanted.model])
    return files.cache() / "answers" / f"{hashlib.sha256(whole.encode()).hexdigest()[:16]}.jsonl"


def source(task: Task, kept: Kept, purse: Purse) -> Source:
    """Return what answers."""
    wanted = task.settings
    if wanted.who == "local":
        return Loaded(task)
    if missing := lacks(wanted):
        raise UserError(f"Stage {task.name} cannot ask its teacher: {missing}.")
    if wanted.batch:
        say = lambda line: print(f"{task.name}: {line}", flush=True)  # noqa: E731
        return many.in_batches(wanted, llm.secret(wanted.base_url), purse, kept, wanted.poll_seconds, say)
    return many.at_once(wanted, llm.secret(wanted.base_url), purse, wanted.parallel)


class Loaded:
    """A model that is loaded here, as the score stage loads a checkpoint. Nothing holds it to a form; a server of one's
    own does (vLLM: who=api base_url=http://127.0.0.1:PORT)."""

    def __init__(self, task: Task) -> None:
        self.task, self.model = task, None

    def __call__(self, questions: Asked) -> Iterator[tuple[str, Answer]]:
        """Yield the answers, some at a time."""
        import torch

        from intern.stages import _evaluator

        self.model = self.model or _evaluator.named_model(self.task, self.task.settings.model)
        rest = iter(questions.items())
        while part := list(islice(rest, CHUNK)):
            torch.manual_seed(self.task.seed + int(part[0][0][:6], 16))  # whatever was drawn before them
            for (name, question), text in zip(part, self.texts([q for _, q in part]), strict=True):
                yield name, self.answer(question, text)
            print(f"{self.task.name}: {len(part)} questions answered", flush=True)

    def texts(self, questions: list[Question]) -> list[str]:
        """Return what the model says."""
        from intern.stages import _evaluator

        model: Any = self.model
        limit = min(self.task.settings.max_tokens, model.max_length // 2)
        turns = [f"{q.rules}\nWrite JSON of this schema alone: {json.dumps(q.schema)}\n{q.state}" for q in questions]
        return _evaluator.sampled(model, turns, model.tokenizer.eos_token, limit, temperature=1.0)

    def answer(self, question: Question, text: str) -> Answer:
        """Return an answer: the first JSON object in a text."""
        value: Any = None
        begin = max(text.find("{"), 0)
        with suppress(ValueError, RecursionError):
            value, _ = json.JSONDecoder(parse_constant=llm.unreadable).raw_decode(text[begin : begin + llm.LONGEST])
        error = "" if isinstance(value, dict) else "the answer is no JSON object"
        return Answer(question.digest, None if error else value, error, self.task.settings.model)
