"""The contract: what it reads, it writes and reads again; every fault of a `tunable` comes back at once."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern.config import contract, schema, typed
from intern.config.changes import more, times
from intern.config.contract import Choices, Contract, Domain, Range
from intern.overrides import Value, show

finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(10**12) + 1, 10**12 - 1)
words = st.text("aZ0_-nul", min_size=1, max_size=6).filter(contract.WORD.fullmatch)
RECIPE = typed.recipe_class((("data", "data"), ("sft", "sft"), ("grpo", "grpo")))
LEAVES = contract.leaves(RECIPE)


def read(tunable: Any) -> tuple[Contract, list[str]]:
    """The contract of a recipe with these stages, and its faults."""
    return contract.read(tunable, LEAVES)


@given(st.lists(finite, min_size=3, max_size=3, unique=True).map(sorted))
def test_a_float_range_reads_what_is_shown(numbers: list[float]) -> None:
    """Any value between the bounds comes back exactly; any value outside is refused with the bounds."""
    low, middle, high = numbers
    domain = Range(float, low, high)
    assert [domain.parse(show(x)) for x in numbers] == [domain.check(x) for x in numbers] == numbers
    with pytest.raises(ValueError, match="outside"):
        Range(float, low, middle).parse(show(high))
    with pytest.raises(ValueError, match="outside"):
        Range(float, low, middle).check(high)


@given(st.lists(whole, min_size=3, max_size=3, unique=True).map(sorted))
def test_an_int_range_reads_what_is_shown(numbers: list[int]) -> None:
    """The same for whole numbers, which stay whole."""
    low, middle, high = numbers
    for found in (Range(int, low, high).parse(show(middle)), Range(int, low, high).check(middle)):
        assert found == middle and type(found) is int
    assert str(high) in str(Range(int, low, high))
    with pytest.raises(ValueError, match="outside"):
        Range(int, middle, high).parse(show(low))
    with pytest.raises(ValueError, match="outside"):
        Range(int, middle, high).check(low)


@given(
    st.sampled_from([(float, finite), (int, whole), (str, words), (bool, st.booleans())]).flatmap(
        lambda pair: st.tuples(st.just(pair[0]), st.lists(pair[1], min_size=1, max_size=5, unique=True))
    )
)
def test_choices_read_what_is_shown(drawn: tuple[type, list[Value]]) -> None:
    """Every option of every type comes back as itself, with its type."""
    kind, options = drawn
    domain = contract.domain(kind, options)
    for option in options:
        for found in (domain.parse(show(option)), domain.check(option)):
            assert found == option and type(found) is kind


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


@given(
    st.sampled_from(
        [
            Range(float, 1e-6, 1.0, log=True),
            Range(int, 1, 64),
            Choices(float, (0.0, 1.0)),
            Choices(int, (0, 1, 8)),
            Choices(bool, (False, True)),
            Choices(str, ("true", "one")),
        ]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([0, 1, 8, 8.0, 64, 1e-6, "true", "one", True])
    | st.lists(st.integers(), max_size=2),
)
def test_a_value_is_of_the_domain_or_refused(domain: Domain, value: object) -> None:
    """A bool is no number, a number no bool, a text neither; what passes has the field's type and is what it was."""
    number = isinstance(value, int if domain.kind is int else int | float) and not isinstance(value, bool)
    if isinstance(domain, Range):
        legal = number and domain.low <= value <= domain.high
    else:
        legal = isinstance(value, bool) == (domain.kind is bool) and value in domain.options
    try:
        found = domain.check(value)
    except ValueError as error:
        assert not legal and str(error).isascii() and str(error).isprintable() and len(str(error)) < 200
    else:
        assert legal and type(found) is domain.kind and found == value
        assert domain.parse(show(found)) == found


UNREAL = [10**400, -(10**400), 10**5000, [10**5000], b"1", {1: b"x"}, [b"x"], object(), "\u202e", "x" * 10_000, {3}]
DOMAINS = [Range(float, 0.0, 1.0), Range(int, 0, 1), Choices(float, (0.0,)), Choices(int, (0,)), Choices(str, ("a",))]


@pytest.mark.parametrize("value", UNREAL, ids=range(len(UNREAL)))
@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_what_cannot_be_shown_is_refused_too(domain: Domain, value: object) -> None:
    """With a reason that fits on a line."""
    with pytest.raises(ValueError) as fault:
        domain.check(value)
    assert str(fault.value).isascii() and str(fault.value).isprintable() and len(str(fault.value)) < 200


def test_leaves() -> None:
    """The schema's keys, each with its type, optional or not, and whether the schema marks it tunable."""
    found = LEAVES
    assert found["sft.learning_rate"] == (float, True)
    assert found["grpo.scale_rewards"] == (str, True)
    assert found["sft.logging_steps"] == (float, False)
    assert found["lora"] == (int, True)
    assert {"sft", "sft.learning_rate.x", "nothing", "sft.nothing", "", "lora.x"}.isdisjoint(found)
    assert {key for key, _ in schema.flat(RECIPE())} == set(found)
    synthetic = contract.leaves(typed.recipe_class((("drawn", "synthetic"),)))
    assert synthetic["drawn.rows"] == (int, True) and synthetic["drawn.style"] == (str, True)


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
        "sft": {"max_steps": [1, 2]},
    }
    bounds, found = read({**faulty, "grpo.temperature": [0.7, "1.0"]})
    assert bounds == {"grpo.temperature": Choices(float, (0.7, 1.0))}
    assert [fault.partition(":")[0] for fault in found] == [f"tunable.{key}" for key in faulty]
    assert 'Did you mean "sft.learning_rate"?' in found[0] and "does not mark it tunable" in found[1]
    assert "give sft.learning_rate, not a mapping in sft" in found[-1]
    assert read([1]) == ({}, ["tunable: a mapping of keys to ranges is needed, not [1]"])


def test_read_takes_numbers_as_yaml_writes_them() -> None:
    """YAML reads 1e-6 as text and 1 as an int; both are floats where the field is one."""
    bounds, found = read({"sft.learning_rate": {"low": "1e-6", "high": 1, "log": True}})
    assert not found and bounds == {"sft.learning_rate": Range(float, 1e-6, 1.0, True)}
    assert str(bounds["sft.learning_rate"]) == "1e-06 to 1.0 (log)"


def test_no_value_is_an_option() -> None:
    """Of a key that may have none, such as LoRA's rank; it is read, shown and checked as the others."""
    opened, faults = read({"lora": [None, 8, 16]})
    assert not faults and str(opened["lora"]) == "null, 8, 16"
    assert opened["lora"].parse("null") is None and opened["lora"].check(None) is None
    assert opened["lora"].parse("8") == 8
    assert times(2)(opened["lora"], 8) == 16 and times(0.1)(opened["lora"], 8) is None
    assert times(2)(opened["lora"], None) is None and more(opened["lora"], None) is None
    with pytest.raises(ValueError, match="None is not one of 8, 16"):
        read({"lora": [8, 16]})[0]["lora"].check(None)
