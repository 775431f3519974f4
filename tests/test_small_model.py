"""A real language model of 135 M parameters behind proposer=local_llm: what it says is worth little, and the study goes
on. One decision, through the SDK, a server on loopback, the ledger and the gate; free, and held to the form."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import scope
from jsonschema import Draft202012Validator
from made import IDENTITY
from messages import Server, serving
from simulation import BASE

from intern import files, proposers
from intern.config.gate import Scope
from intern.config.library import Library
from intern.llm import Question
from intern.records import OPTIMISER, Left, Proposal
from intern.study import asking, pretrained
from intern.study.asking import Asker
from intern.study.ledger import Ledger
from intern.study.reader import Reader

RULES, STATE = 200, 200  # characters of the question's ends that are read: the whole takes a minute on one core
TOKENS = 6
NUMBERS = ["0.01", "0.05", "0.1", "0.5"]  # none begins another one
TEXTS = ['"0.001"', '"0.0001"', '"60"', '"true"']
LONGEST = 2  # entries of a list


class Small:
    """A model, what it has read, and what it takes to come next."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", use_safetensors=True).eval()
        self.unread: list[int] = []
        self.read: Any = None
        self.next: Any = None

    def feed(self) -> None:
        """Read what was said since."""
        import torch

        if self.unread:
            with torch.inference_mode():
                out = self.model(torch.tensor([self.unread]), past_key_values=self.read, logits_to_keep=1)
            self.unread, self.read, self.next = [], out.past_key_values, out.logits[0, -1]

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return tokens

    def begin(self, body: dict[str, Any]) -> None:
        """Read the ends of a question, as a chat."""
        rules, state = body["system"][0]["text"], body["messages"][0]["content"]
        chat = [{"role": "system", "content": rules[-RULES:]}, {"role": "user", "content": state[-STATE:]}]
        self.read = self.next = None
        self.unread = self.ids(self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))

    def free(self, body: dict[str, Any]) -> str:
        """Say the likeliest, token by token."""
        self.begin(body)
        said: list[int] = []
        for _ in range(TOKENS):
            self.feed()
            said.append(int(self.next.argmax()))
            self.unread = said[-1:]
        return str(self.tokenizer.decode(said))

    def held(self, body: dict[str, Any]) -> str:
        """Say the likeliest of what a schema allows."""
        self.begin(body)
        return "".join(self.filled(body["output_config"]["format"]["schema"]))

    def choose(self, *options: str) -> str:
        """Say one of some texts, by the likeliest token wherever they part."""
        left, place = {option: self.ids(option) for option in options}, 0
        while len(left) > 1:
            self.feed()
            token = max({ids[place] for ids in left.values()}, key=lambda token: float(self.next[token]))
            left = {option: ids for option, ids in left.items() if ids[place] == token}
            place += 1
            self.unread.append(token)
        ((best, ids),) = left.items()
        self.unread += ids[place:]
        return best

    def filled(self, schema: dict[str, Any]) -> Iterator[str]:
        """Yield the parts of a value of a schema's form."""
        kind = schema["type"]
        if kind == "object":
            for place, (name, inner) in enumerate(schema["properties"].items()):
                yield self.choose(f'{", " if place else "{"}"{name}": ')
                yield from self.filled(inner)
            yield self.choose("}")
        elif kind == "array":
            yield self.choose("[")
            for place in range(LONGEST):
                if self.choose("]", ", " if place else " ") == "]":
                    break
                yield ", " if place else ""
                yield from self.filled(schema["items"])
            yield "]"
        else:
            named = [json.dumps(option) for option in schema.get("enum", ())]
            numbers = {"boolean": ["true", "false"], "number": NUMBERS, "string": TEXTS}.get(str(kind), ["null", "1"])
            yield self.choose(*(named or numbers))


@pytest.fixture(scope="module")
def small(library: Library) -> Small:
    """The model, if it was pulled."""
    model = scope(library, "goal=arithmetic", "model=smollm2-135m").config.model
    if not pretrained.place(model).is_dir():
        pytest.skip("SmolLM2-135M is not here: python -m intern models pull smollm2-135m")
    return Small(pretrained.place(model))


def decided(folder: Path, library: Library, say: Callable[[dict[str, Any]], str]) -> tuple[Proposal, Asker, Server]:
    """The first decision of a study, all of which is the model's share."""
    files.write_whole(folder / "study.json", IDENTITY)
    ledger = Ledger(folder)
    ledger.propose(BASE)
    with serving(Server(lambda _, body: say(body))) as server:
        words = ("proposer=local_llm", f"proposer.base_url={server.url}", "proposer.share=1", "proposer.retries=0")
        begun: Scope = scope(library, "goal=arithmetic", "model=tiny", *words)
        asker = Asker(ledger, begun.config)
        view = asking.view(begun, Reader(folder, ledger), Left(9, 1.0), asker)
        (proposal,) = proposers.propose("local_llm", view)
    return proposal, asker, server


def test_what_it_says_freely_is_no_answer(tmp_path: Path, library: Library, small: Small) -> None:
    """It is asked once; that it said no JSON is in the ledger and is told, and the heuristic proposes."""
    proposal, asker, server = decided(tmp_path, library, small.free)
    (answer,) = Ledger(tmp_path).answers
    assert "the answer is no JSON" in answer.error and answer.value is None and len(server.asked) == 1
    assert [note.text for note in asker.notes()] == [f"no answer of the language model ({answer.error}); the "
                                                     "heuristic goes on"]  # fmt: skip
    assert proposal.by == OPTIMISER and not proposal.faults and proposal.recipe.startswith("generated/")


def test_held_to_the_form_it_proposes(tmp_path: Path, library: Library, small: Small) -> None:
    """What it says has the form that was asked for; it is vetted like anybody's, and at most told once why it fails."""
    proposal, _, server = decided(tmp_path, library, small.held)
    answers = Ledger(tmp_path).answers
    assert len(answers) == len(server.asked) <= 2
    for answer, asked in zip(answers, server.asked, strict=True):
        schema = asked["output_config"]["format"]["schema"]
        assert not answer.error and answer.value
        assert not list(Draft202012Validator(schema).iter_errors(answer.value)), answer.value
        assert answer.question == Question(asked["system"][0]["text"], asked["messages"][0]["content"], schema).digest
    left = answers[-1].value["action"] == "leave" or (len(answers) == 2 and not proposal.faults)  # type: ignore[index]
    assert proposal.by == "local_llm" or (left and proposal.by == OPTIMISER)
    if proposal.faults:
        assert f"Your proposal was refused: {proposal.faults[0][:40]}" in server.asked[1]["messages"][0]["content"]
