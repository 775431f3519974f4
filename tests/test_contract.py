"""The contract: what it reads, it writes and reads again; every fault of a `tunable` comes back at once."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern.config import contract, schema
from intern.config.contract import Choices, Range

finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(10**12) + 1, 10**12 - 1)
words = st.text("aZ0_-nul", min_size=1, max_size=6).filter(contract.WORD.fullmatch)


@given(st.lists(finite, min_size=3, max_size=3, unique=True).map(sorted))
def test_a_float_range_reads_what_is_shown(numbers: list[float]) -> None:
    """Any value between the bounds comes back exactly; any value outside is refused with the bounds."""
    low, middle, high = numbers
    domain = Range(float, low, high)
    assert [domain.parse(contract.show(x)) for x in numbers] == numbers
    with pytest.raises(ValueError, match="outside"):
        Range(float, low, middle).parse(contract.show(high))


@given(st.lists(whole, min_size=3, max_size=3, unique=True).map(sorted))
def test_an_int_range_reads_what_is_shown(numbers: list[int]) -> None:
    """The same for whole numbers, which stay whole."""
    low, middle, high = numbers
    read = Range(int, low, high).parse(contract.show(middle))
    assert read == middle and type(read) is int
    assert str(high) in str(Range(int, low, high))
    with pytest.raises(ValueError, match="outside"):
        Range(int, middle, high).parse(contract.show(low))


@given(
    st.sampled_from([(float, finite), (int, whole), (str, words), (bool, st.booleans())]).flatmap(
        lambda pair: st.tuples(st.just(pair[0]), st.lists(pair[1], min_size=1, max_size=5, unique=True))
    )
)
def test_choices_read_what_is_shown(drawn: tuple[type, list[contract.Value]]) -> None:
    """Every option of every type comes back as itself, with its type."""
    kind, options = drawn
    domain = contract.domain(kind, options)
    for option in options:
        read = domain.parse(contract.show(option))
        assert read == option and type(read) is kind


@given(st.text(max_size=12), st.sampled_from([int, float]))
def test_a_number_is_finite_or_refused(text: str, kind: type) -> None:
    """No text makes anything but a finite number of the type, or a ValueError that quotes the text."""
    try:
        value = contract.number(text, kind)
    except ValueError as error:
        assert text in str(error)
    else:
        assert type(value) is kind and math.isfinite(value) and text.isascii()


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "0x1", "1_0", "١", "1,5", " 1", "1 ", "", "+", "true"])
def test_no_number(text: str) -> None:
    """Forms that float() or YAML would take and the gate must not."""
    for kind in (int, float):
        with pytest.raises(ValueError):
            contract.number(text, kind)


@pytest.mark.parametrize("text", ["1.0", "1e3", "9" * 13])
def test_no_whole_number(text: str) -> None:
    """A float is no whole number, and none has more than twelve digits."""
    with pytest.raises(ValueError, match="whole number"):
        contract.number(text, int)


def test_leaves() -> None:
    """The schema's keys, each with its type, optional or not, and whether the schema marks it tunable."""
    found = contract.leaves()
    assert found["sft.learning_rate"] == (float, True)
    assert found["grpo.scale_rewards"] == (str, True)
    assert found["sft.logging_steps"] == (float, False)
    assert found["lora"] == (int, True)
    assert {"sft", "sft.learning_rate.x", "nothing", "sft.nothing", "", "lora.x"}.isdisjoint(found)
    assert {key for key, _ in schema.flat(schema.Recipe())} <= set(found)


def test_read_all_faults() -> None:
    """Each faulty entry has its own reason, and the sound ones are still read."""
    faulty: dict[Any, Any] = {
        "sft.learning_rat": [1.0],
        "stages": [["sft"]],
        "sft.logging_steps": [1, 2],
        "sft.weight_decay": {"low": 1, "high": 0},
        "sft.learning_rate": {"low": 0, "high": 1, "log": True},
        "sft.max_grad_norm": {"low": 0, "high": ".inf"},
        "sft.max_steps": [1, 1],
        "sft.packing": [True, "maybe"],
        "sft.loss_type": ["null"],
        "sft.warmup_steps": [],
        "sft.max_length": {"low": 1},
        "lora": {"low": 1, "high": 64, "step": 1},
        "grpo.beta": "0.1",
        "grpo.epsilon": {"low": 0.1, "high": 0.3, "log": "yes"},
        3: [1],
    }
    bounds, found = contract.read({**faulty, "grpo.temperature": [0.7, "1.0"]})
    assert bounds == {"grpo.temperature": Choices(float, (0.7, 1.0))}
    assert [fault.partition(":")[0] for fault in found] == [f"tunable.{key}" for key in faulty]
    assert 'Did you mean "sft.learning_rate"?' in found[0] and "does not mark it tunable" in found[1]
    assert contract.read([1]) == ({}, ["tunable: a mapping of keys to ranges is needed, not [1]"])


def test_read_takes_numbers_as_yaml_writes_them() -> None:
    """YAML reads 1e-6 as text and 1 as an int; both are floats where the field is one."""
    bounds, found = contract.read({"sft.learning_rate": {"low": "1e-6", "high": 1, "log": True}})
    assert not found and bounds == {"sft.learning_rate": Range(float, 1e-6, 1.0, True)}
    assert str(bounds["sft.learning_rate"]) == "1e-06 to 1.0 (log)"
