"""Overrides as a value: what they write they read back, and what is asked of two of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern import records
from intern.overrides import Overrides, parse, show
from intern.records import Trial

KEYS = st.sampled_from(["a", "b", "lora", "sft.learning_rate", "grpo.beta", "data.mix", "rewards.goal"])
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TRICKY = ["null", "true", "false", "1", "-0", "007", "1e-3", "9" * 5000, "nan", "inf", "1_0", "١", "", " ", "\n"]
TRICKY += ["[", "{", "[1]", "{}", '{"a": [null]}', '"', '"a"', '"\\', "a=b", "recipe.a=1", "None", "True", "\u2028"]
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | FINITE | st.text() | st.sampled_from(TRICKY)
LEAVES = st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
NESTS = SCALARS | LEAVES | st.lists(LEAVES, max_size=2)
VALUES = st.dictionaries(KEYS, NESTS, max_size=5)


def alike(one: object, other: object) -> bool:
    """Whether two values are equal and of the same types, all the way down."""
    return repr(one) == repr(other)


@given(NESTS)
def test_what_is_shown_is_read(value: object) -> None:
    """Exactly, whatever YAML or JSON can hold."""
    assert alike(parse(show(value)), value)


@pytest.mark.parametrize("text", TRICKY, ids=range(len(TRICKY)))
def test_text_stays_text(text: str) -> None:
    """Also where it looks like something else."""
    assert alike(parse(show(text)), text)
    assert alike(dict(Overrides.read(Overrides({"a": text}).lines())), {"a": text})


@given(VALUES)
def test_lines_round_trip(values: dict[str, object]) -> None:
    """Keys and values, with their types, in the order of the keys."""
    made = Overrides(values)
    assert list(made) == sorted(values) and len(made) == len(values)
    read = Overrides.read(made.lines())
    assert alike(dict(read), dict(sorted(values.items()))) and read == made and hash(read) == hash(made)
    assert made.lines() == tuple(f"recipe.{text}" for text in made.short())


@given(VALUES)
def test_json_round_trip(values: dict[str, object]) -> None:
    """A record that holds them is JSON with their lines, and comes back the same."""
    trial = Trial(1, "propose", "RUNNING", overrides=Overrides(values))
    row = records.dump(trial)
    assert row["overrides"] == list(trial.overrides.lines())
    assert records.load(Trial, row) == records.load(Trial, records.dump_set(trial)) == trial
    assert alike(dict(records.load(Trial, row).overrides), dict(trial.overrides))


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+.001", "0.0010"])
def test_a_persons_number(text: str) -> None:
    """Other ways to write one are read as well."""
    assert parse(text) == 0.001


@pytest.mark.parametrize("line", ["", "recipe", "recipe.a", "sft.a=1", "recipe.", "a=recipe.b=1", "goal.name=x"])
def test_no_line_of_ours(line: str) -> None:
    """What was never written is not read."""
    with pytest.raises(ValueError, match="recipe.key=value"):
        Overrides.read(["recipe.a=1", line])


@given(VALUES, VALUES)
def test_as_mappings_do(one: dict[str, object], other: dict[str, object]) -> None:
    """The union takes the right side's values; without leaves the others; neither changes what it was made of."""
    a, b = Overrides(one), Overrides(other)
    assert alike(dict(a | b), dict(sorted({**one, **other}.items()))) and alike(dict(a | other), dict(a | b))
    assert alike(dict(a.without(other)), {key: value for key, value in sorted(one.items()) if key not in other})
    assert a.without(()) == a and a.without(a) == Overrides() == Overrides({})
    assert alike(dict(a), dict(sorted(one.items())))
    assert a == Overrides(reversed(list(one.items()))) and (a == b) == (one == other)


@given(VALUES, VALUES)
def test_changed(one: dict[str, object], other: dict[str, object]) -> None:
    """The keys in which two differ, those of one side alone included: what is put in their place makes them equal."""
    a, b = Overrides(one), Overrides(other)
    changed = a.changed(b)
    assert changed == b.changed(a) <= {*one, *other}
    assert a.without(changed) == b.without(changed)
    assert all((key in a) != (key in b) or a[key] != b[key] for key in changed)
    assert a.changed(a) == set()


@given(VALUES, VALUES)
def test_equal_ones_have_one_hash(one: dict[str, object], other: dict[str, object]) -> None:
    """Or a set would hold the same config twice."""
    a, b = Overrides(one), Overrides(other)
    assert hash(a) == hash(Overrides(reversed(list(one.items()))))
    assert len({a, b}) == (1 if one == other else 2)


def test_equal_numbers_of_another_type_have_one_hash() -> None:
    """As in a dict; whoever wants 1 apart from 1.0 asks the gate, which makes them the field's type."""
    numbers = {"a": 1, "b": 0.0, "lora": True, "data.mix": [1]}
    assert len({Overrides(numbers), Overrides({"a": 1.0, "b": False, "lora": 1, "data.mix": [1.0]})}) == 1


def test_short() -> None:
    """As a person reads it."""
    made = Overrides({"sft.packing": True, "grpo.beta": 0.04, "lora": None, "data.rows": 100, "data.style": "answer"})
    assert made.short() == ("data.rows=100", "data.style=answer", "grpo.beta=0.04", "lora=null", "sft.packing=true")
    assert Overrides({"sft.learning_rate": 1e-3}).lines() == ("recipe.sft.learning_rate=0.001",)
    assert "0.04" in repr(made)
