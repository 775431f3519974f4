"""What the model under training writes: an answer found or not, and text that loops."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intern import rewards
from intern.config.schema import Config, Goal
from intern.rewards import exact_answer
from intern.stages import _probe

SENSE = (
    "First add the tens: 40 + 30 = 70. Then the ones: 7 + 8 = 15. Together that makes 85.\nANSWER: 85",
    "Tom had a red ball and went to the park, where he met a dog that wanted to play. They ran until it was dark.",
    "3 9 4 1 7 -> 1 3 4 7 9\nANSWER: 1 3 4 7 9",
    "",
    "85",
)
LOOPS = ("the the " * 60, "7 + 8 = 15. " * 20, "ANSWER: 85\n" * 20, "0" * 200)


@pytest.mark.parametrize("text", SENSE)
def test_what_people_write_does_not_loop(text: str) -> None:
    """Worked answers, prose, a bare answer, nothing."""
    assert not _probe.loops(text)


@pytest.mark.parametrize("text", LOOPS)
def test_loops(text: str) -> None:
    """A word, a sentence, an answer or a figure over and over, also where it began in good order."""
    assert _probe.loops(text) and _probe.loops(SENSE[1] + text)


def test_a_loop_that_was_left() -> None:
    """Only the end is looked at."""
    assert not _probe.loops(LOOPS[0] + SENSE[0] + SENSE[1])


@settings(deadline=None)
@given(st.lists(st.sampled_from([*SENSE, *LOOPS]), min_size=1), st.sampled_from(["85", "7"]))
def test_rates_are_shares(texts: list[str], answer: str) -> None:
    """A wrong answer is an answer: only whether one is found counts; a right one is no loop."""
    rows = [{"answer": answer}] * len(texts)
    found = _probe.rates(texts, rows, rewards.many(exact_answer.outcome, texts, rows))
    assert found["parse_rate"] == sum("ANSWER: " in text for text in texts) / len(texts)
    looping = [text in LOOPS and exact_answer.outcome(text, {"answer": answer}) != 1.0 for text in texts]
    assert found["repetition"] == sum(looping) / len(texts)
    assert _probe.rates(texts, rows, None) == {"repetition": sum(text in LOOPS for text in texts) / len(texts)}


GRID = "\n".join(["0 0 0 0 0 0 0 0 0 0"] * 9 + ["0 0 0 0 1 0 0 0 0 0"])


@pytest.mark.parametrize(
    ("text", "row", "loops"),
    [
        (f"{GRID}\nANSWER: 4", {"answer": "4"}, False),  # right, and full of rows that are alike
        (f"{GRID}\nANSWER: 5", {"answer": "4"}, True),
        (f"{GRID}\nANSWER: 5", {"answer": "4", "target": f"{GRID}\nANSWER: 4"}, False),  # wrong, in the target's form
        (f"{GRID}\n" * 9, {"answer": "4", "target": f"{GRID}\nANSWER: 4"}, True),  # and it does not end
        ("0 " * 100, {"answer": "4", "target": "ANSWER: 4"}, True),
    ],
)
def test_a_grid_is_no_loop(text: str, row: dict[str, str], loops: bool) -> None:
    """If the answer is right, or the row's own target repeats itself so."""
    assert _probe.rates([text], [row], [exact_answer.outcome(text, row)])["repetition"] == float(loops)


def test_what_is_written(random_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a real model, in batches: a mark for each row in its place, 1 for right, 0 for wrong, half right or no answer;
    the model is left as it was."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(random_model) for kind in (AutoModelForCausalLM, AutoTokenizer))
    trainer = SimpleNamespace(
        model=model.train(),
        accelerator=SimpleNamespace(unwrap_model=lambda wrapped: wrapped),
        processing_class=tokenizer,
    )
    judged = (1.0, 0.0, None, 0.5, 1.0)
    rows = [{"question": f"What is {n} + 8?", "answer": str(n), "key": str(n), "judged": judged[n]} for n in range(5)]
    told: list[str] = []

    def outcome(text: str, row: dict[str, object]) -> float | None:
        told.append(text)
        return row["judged"]  # type: ignore[return-value]

    config = Config(goal=Goal("sums", max_new_tokens=6))
    held_out = _probe.HeldOut(trainer, rows, outcome, config)
    found = held_out.written()
    assert (found["canaries"], found["right"], found["right_rate"], found["parse_rate"]) == (5, "10001", 0.4, 0.8)
    assert 0.0 <= found["truncation"] <= 1.0 and 0.2 <= found["alike"] <= 1.0 and found["alike_expected"] == 0.2
    assert found["repetition"] == sum(map(_probe.loops, told[1:4])) / 5  # the first and the last are right
    assert len(told) == 5
    alone = [held_out.answers([row])[0] for row in rows]
    assert [text for text, _ in alone] == told and found["truncation"] == [ended for _, ended in alone].count(False) / 5
    monkeypatch.setattr(_probe, "SMALL", 0)
    monkeypatch.setattr(_probe, "FEW", 2)
    assert _probe.HeldOut(trainer, rows, outcome, config).written()["canaries"] == 2  # a large model without a GPU


@pytest.mark.parametrize(("rows", "kept"), [(19, 0), (20, 1), (1280, 64), (9999, 64)])
def test_held_back(rows: int, kept: int) -> None:
    """The first ones: at most a twentieth, and no more than are needed."""
    numbers = [{"key": str(i)} for i in range(rows)]
    assert _probe.parted(numbers) == (numbers[:kept], numbers[kept:])


def test_what_is_held_back_is_not_trained_on() -> None:
    """Another row of the same item, with another target, is left out; not where nothing would be left."""
    rows = [{"key": str(i % 30), "target": target} for target in "ab" for i in range(30)]
    kept, trained = _probe.parted(rows)
    assert [row["key"] for row in kept] == ["0", "1", "2"] and len(trained) == 60 - 2 * 3
    assert _probe.parted([{"key": "same"}] * 40) == ([], [{"key": "same"}] * 40)


def test_texts_and_rows_belong_together() -> None:
    """A row too few is a fault of the program."""
    with pytest.raises(ValueError, match="zip"):
        rewards.many(exact_answer.outcome, ["ANSWER: 1", "ANSWER: 2"], [{"answer": "1"}])
    with pytest.raises(ValueError, match="zip"):
        _probe.rates(["ANSWER: 1", "ANSWER: 2"], [{"answer": "1"}], [1.0])


def test_every_token_that_ends_an_answer(random_model: Path) -> None:
    """The one that ends a turn, and those that the model's own generation config names."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(random_model) for kind in (AutoModelForCausalLM, AutoTokenizer))
    turn = tokenizer.eos_token_id
    for own, ends in ((None, [turn]), (turn, [turn]), (0, [0, turn]), ([5, 3], sorted({3, 5, turn}))):
        model.generation_config.eos_token_id = own
        assert _probe.end_ids(model, tokenizer) == ends
