"""The gate: only the contract's own keys pass, with values inside it, and every refusal explains itself."""

import math
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from attacks import ATTACKS, GOOD, GRPO, KEY, NAMES, RATE, RECIPES, TYPED, WORDS
from conftest import scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intern.config import contract, gate, library, schema
from intern.config.gate import Rejection, Scope, Vetted
from intern.config.library import Library
from intern.overrides import Overrides, Value, show


@pytest.fixture(scope="module")
def stage(library: Library) -> Scope:
    """What `goal=arithmetic model=tiny` leaves to a proposer."""
    return scope(library, *WORDS)


def explains(verdict: object) -> bool:
    """Whether it is a refusal whose reasons a person, or a model, can read."""
    return (
        isinstance(verdict, Rejection)
        and 0 < len(verdict.reasons) <= gate.MOST
        and all(r.isascii() and r.isprintable() and 10 < len(r) < 600 and "Traceback" not in r for r in verdict.reasons)
    )


@pytest.mark.parametrize("lines", ATTACKS, ids=lambda lines: ascii(lines)[:60])
def test_refuses(stage: Scope, lines: list[object]) -> None:
    """Each attack comes back as a refusal, never as an exception."""
    verdict = gate.vet_lines(stage, lines)
    assert explains(verdict), verdict


@pytest.mark.parametrize("values", TYPED, ids=range(len(TYPED)))
def test_refuses_values(stage: Scope, values: dict[Any, Any]) -> None:
    """The same for values that are no text: wrong types, wrong keys, what cannot be shown."""
    verdict = gate.vet(stage, "generated/grpo", values)
    assert explains(verdict), verdict


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_refuses_names(stage: Scope, name: Any) -> None:
    """A recipe that is none, or no name at all; the refusal lists those that exist."""
    verdict = gate.vet(stage, name, {KEY: 1e-3})
    assert explains(verdict), verdict
    assert isinstance(verdict, Rejection) and "generated/sft_grpo" in verdict.reasons[0]


def test_a_flood_is_refused_at_once(stage: Scope) -> None:
    """A hundred lines are read, the rest is not, and the refusal stays short."""
    began = time.monotonic()
    verdict = gate.vet_lines(stage, [GRPO, *("x" * 1000 for _ in range(200_000))])
    assert isinstance(verdict, Rejection) and len(verdict.reasons) == gate.MOST
    assert "rest was not read" in verdict.reasons[-1] and sum(map(len, verdict.reasons)) < 30_000
    assert time.monotonic() - began < 1


def test_all_reasons_at_once(stage: Scope) -> None:
    """Five faults, five reasons, in their order."""
    lines = [GRPO, f"+{GOOD}", "seed=1", f"{RATE}=9", "recipe.lora=8", "recipe.grpo.beta=0.5"]
    verdict = gate.vet_lines(stage, lines)
    assert isinstance(verdict, Rejection) and len(verdict.reasons) == 5
    assert "outside" in "".join(verdict.reasons) and "0.0, 0.01, 0.04" in "".join(verdict.reasons)
    typed = gate.vet(stage, "generated/grpo", {KEY: 9, "lora": 8, "grpo.beta": 0.5})
    assert isinstance(typed, Rejection) and len(typed.reasons) == 3
    assert [reason.partition(":")[0] for reason in typed.reasons] == [RATE, "recipe.lora", "recipe.grpo.beta"]


def test_suggests(stage: Scope) -> None:
    """A near key and a near name are offered."""
    for verdict in (
        gate.vet_lines(stage, [GRPO, "recipe.grpo.learning_rat=1e-3"]),
        gate.vet(stage, "generated/grpo", {"grpo.learning_rat": 1e-3}),
    ):
        assert isinstance(verdict, Rejection) and f'Did you mean "{RATE}"?' in verdict.reasons[0]
    for verdict in (gate.vet_lines(stage, ["recipe=generated/gpro"]), gate.vet(stage, "generated/gpro", {})):
        assert isinstance(verdict, Rejection) and 'Did you mean "generated/grpo"?' in verdict.reasons[0]


def test_a_value_becomes_the_fields_own_type(stage: Scope) -> None:
    """A whole number is a float where the field is one: the same config has one name, whoever wrote it."""
    verdict = gate.vet(stage, "generated/grpo", {"grpo.temperature": 1, "grpo.beta": 0, "grpo.num_generations": 8})
    assert isinstance(verdict, Vetted)
    assert verdict.overrides.short() == ("grpo.beta=0.0", "grpo.num_generations=8", "grpo.temperature=1.0")
    assert type(verdict.config.recipe.grpo.temperature) is type(verdict.config.recipe.grpo.beta) is float
    assert type(verdict.config.recipe.grpo.num_generations) is int


def test_pins(library: Library) -> None:
    """A key that the command line fixed is refused, kept in every config, and named in the overrides."""
    pinned = scope(library, *WORDS, f"{RATE}=0.0005")
    refused = gate.vet_lines(pinned, [GRPO, GOOD])
    assert explains(refused) and "pinned" in refused.reasons[0]
    assert explains(gate.vet(pinned, "generated/grpo", {KEY: 0.0005}))  # also with the value that is pinned
    passed = gate.vet_lines(pinned, [GRPO, "recipe.grpo.beta=0.01"])
    assert isinstance(passed, Vetted) and passed.overrides.lines() == ("recipe.grpo.beta=0.01", f"{RATE}=0.0005")
    assert passed.config.recipe.grpo.learning_rate == 0.0005
    before = library.load("generated/grpo")
    changed = gate.difference(before, passed.config.recipe)
    assert sorted(changed) == [("recipe.grpo.beta", None, 0.01), (RATE, 5e-5, 5e-4)]
    assert before.grpo.learning_rate == 5e-5 and before.grpo.beta is None
    assert pinned.pinned == {KEY} and isinstance(gate.vet(pinned, "generated/sft", {}), Vetted)


def test_cross_field(library: Library, tmp_path: Path) -> None:
    """A value inside the contract can still be one that TRL would refuse: the gate says so, with the remedy."""
    path = tmp_path / "open.yaml"
    path.write_text(
        "suits: [arithmetic]\nstages: [data, grpo]\n"
        "grpo: {per_device_train_batch_size: 8, num_generations: 8, max_completion_length: 48}\n"
        "tunable: {grpo.num_generations: [1, 4, 7, 8], grpo.max_completion_length: {low: 8, high: 4096}}\n"
    )
    opened = scope(library, *WORDS, f"recipe={path}")
    lines = ["recipe=file/open", "recipe.grpo.num_generations=7", "recipe.grpo.max_completion_length=512"]
    verdict = gate.vet_lines(opened, lines)
    assert explains(verdict) and len(verdict.reasons) == 2 and "choose one of 2, 4, 8" in verdict.reasons[0]
    assert explains(gate.vet_lines(opened, ["recipe=file/open", "recipe.grpo.num_generations=1"]))
    assert isinstance(gate.vet_lines(opened, ["recipe=file/open", "recipe.grpo.num_generations=4"]), Vetted)


def test_rewards_replace_the_default(library: Library, tmp_path: Path) -> None:
    """A recipe that leaves the goal's reward out is composed without it."""
    path = tmp_path / "bonus.yaml"
    path.write_text("stages: [data, grpo]\ngrpo: {max_completion_length: 48}\nrewards: {answer_line: 1.0}\n")
    verdict = gate.vet_lines(scope(library, *WORDS, f"recipe={path}"), ["recipe=file/bonus"])
    assert isinstance(verdict, Vetted) and verdict.config.recipe.rewards == {"answer_line": 1.0}
    assert verdict.config.recipe == library.load("file/bonus").with_({"grpo.learning_rate": 8.6e-5})  # by its width


# What may pass, said once more, from the files themselves and without the contract's own code.


@cache
def written(recipe: str) -> dict[str, Any]:
    """The `tunable` of a recipe's file."""
    return yaml.safe_load((library.FOLDER / f"{recipe}.yaml").read_text())["tunable"]


WHOLE = {"sft.max_steps", "synthetic.rows", "grpo.num_generations", "grpo.max_completion_length"}


def named(key: str, text: str) -> Value | None:
    """What a text names as a value of a key, or None."""
    if key == "synthetic.style":
        return text
    try:
        if key in WHOLE:
            return int(text) if set(text) <= set("0123456789+-") and len(text.lstrip("+-")) <= 12 else None
        mantissa, _, power = text.lower().partition("e")
        fits = set(text) <= set("0123456789+-.eE") and len(power.lstrip("+-")) <= 3 and mantissa
        return float(text) if fits else None
    except ValueError:
        return None


def inside(recipe: str, key: object, value: object) -> bool:
    """Whether the file opens the key to this value."""
    spec = written(recipe).get(key) if isinstance(key, str) else None
    number = type(value) is int or (type(value) is float and math.isfinite(value))
    if isinstance(spec, list):
        return (number or isinstance(value, str)) and value in spec
    if key in WHOLE and not isinstance(value, int):
        return False
    return bool(spec and number and float(spec["low"]) <= value <= float(spec["high"]))


def passes(lines: list[str]) -> bool:
    """Whether the lines name one recipe and values that its file opens, each once."""
    names = [line.removeprefix("recipe=") for line in lines if line.startswith("recipe=")]
    if len(names) != 1 or names[0] not in RECIPES or len(lines) > 100:
        return False
    pairs = [line.partition("=") for line in lines if not line.startswith("recipe=")]
    keys = [key.removeprefix("recipe.") for key, _, _ in pairs]
    values = [named(key, text) if equals else None for key, (_, equals, text) in zip(keys, pairs, strict=True)]
    return (
        all(key.startswith("recipe.") for key, _, _ in pairs)
        and len(set(keys)) == len(keys)
        and all(inside(names[0], key, value) for key, value in zip(keys, values, strict=True))
    )


@cache
def plain(loaded: Library, recipe: str) -> dict[str, object]:
    """The config of a recipe as its author left it, flat."""
    return dict(schema.flat(scope(loaded, *WORDS, f"recipe={recipe}").config))


def draw(domain: contract.Domain) -> st.SearchStrategy[Value]:
    """Legal values of a domain."""
    if isinstance(domain, contract.Choices):
        return st.sampled_from(domain.options)
    if domain.kind is int:
        return st.integers(int(domain.low), int(domain.high))
    return st.floats(domain.low, domain.high)


BOUNDS = {recipe: library.read(library.FOLDER / f"{recipe}.yaml")[0].contract for recipe in RECIPES}


@st.composite
def legal(some: st.DrawFn) -> tuple[str, dict[str, Value]]:
    """A recipe and values inside its contract."""
    recipe = some(st.sampled_from(RECIPES))
    keys = some(st.lists(st.sampled_from(sorted(BOUNDS[recipe])), unique=True))
    return recipe, {key: some(draw(BOUNDS[recipe][key])) for key in keys}


NASTY = "0123456789.eE+-_=~@:,()[]{}'\"\\$ #%/\x00\n\u200b\u0660рx"
TEXTS = ["nan", "inf", "null", "true", "", "???", "${seed}", "1e999", "0x1", "1,2", "[1]", "choice(1,2)", "1e-3", "8"]
KEYS = ["recipe", "+recipe", "recipe.sft", "seed", "goal", *(f"recipe.{key}" for key in BOUNDS["generated/sft_grpo"])]
KEYS += [*(key for key, _ in schema.flat(schema.Recipe(), "recipe.")), "recipe.grpo.use_vllm", "recipe.sft.packing"]


@st.composite
def crooked(some: st.DrawFn) -> list[str]:
    """Lines around the legal grammar: legal ones, some with a wrong key or value, or with a character changed."""
    recipe, values = some(legal())
    lines = [f"recipe={recipe}", *(f"recipe.{key}={show(value)}" for key, value in values.items())]
    for _ in range(some(st.integers(0, 2))):
        lines.append(f"{some(st.sampled_from(KEYS))}={some(st.sampled_from(TEXTS) | st.floats().map(repr))}")
    if some(st.booleans()):
        which = some(st.integers(0, len(lines) - 1))
        at = some(st.integers(0, len(lines[which])))
        cut = some(st.integers(0, 1))
        put = some(st.text(st.sampled_from(NASTY), max_size=2))
        lines[which] = lines[which][:at] + put + lines[which][at + cut :]
    return some(st.permutations(lines))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=crooked())
def test_only_the_contract_passes(library: Library, stage: Scope, lines: list[str]) -> None:
    """Lines pass if and only if the file opens their keys to their values; what passed differs from the recipe in those
    keys alone, and is stable when it is read again."""
    verdict = gate.vet_lines(stage, lines)
    assert isinstance(verdict, Vetted) == passes(lines), verdict
    if isinstance(verdict, Rejection):
        assert explains(verdict)
        return
    texts = dict(line.removeprefix("recipe.").split("=") for line in lines if not line.startswith("recipe="))
    assert {key: named(key, text) for key, text in texts.items()} == dict(verdict.overrides)
    unchanged(library, verdict)
    assert gate.vet_lines(stage, [f"recipe={verdict.recipe}", *verdict.overrides.lines()]) == verdict


def unchanged(loaded: Library, verdict: Vetted) -> None:
    """The config has the overrides' values with their fields' types, and all else as its author left it."""
    composed, before = dict(schema.flat(verdict.config)), plain(loaded, verdict.recipe)
    for key, value in verdict.overrides.items():
        assert composed[f"recipe.{key}"] == value
        assert type(composed[f"recipe.{key}"]) is type(value) is BOUNDS[verdict.recipe][key].kind
    changed = {key.removeprefix("recipe.") for key, value in composed.items() if value != before[key]}
    assert changed <= set(verdict.overrides)


@settings(max_examples=100, deadline=None)
@given(proposal=legal())
def test_all_of_the_contract_passes(library: Library, stage: Scope, proposal: tuple[str, dict[str, Value]]) -> None:
    """Every legal draw is accepted, as text and as values, and arrives exactly as it was drawn."""
    recipe, values = proposal
    verdict = gate.vet_lines(stage, [f"recipe={recipe}", *(f"recipe.{k}={show(v)}" for k, v in values.items())])
    assert isinstance(verdict, Vetted), verdict
    composed = dict(schema.flat(verdict.config.recipe))
    assert all(composed[key] == value and type(composed[key]) is type(value) for key, value in values.items())
    assert gate.vet(stage, recipe, values) == gate.vet(stage, recipe, Overrides(values)) == verdict
    unchanged(library, verdict)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=4)
SCALARS |= st.sampled_from([10**400, -(10**400), 8, 8.0, 64, 0, 1e-3, 0.01, "solution", "answer", "1e-3"])
ANY = st.recursive(SCALARS, lambda t: st.lists(t, max_size=3) | st.dictionaries(SCALARS, t, max_size=3), max_leaves=5)


@st.composite
def values_of_any_sort(some: st.DrawFn) -> tuple[str, dict[object, object]]:
    """A recipe, legal values of some of its keys, and values and keys of any sort beside them."""
    recipe, found = some(legal())
    odd = st.sampled_from([key.removeprefix("recipe.") for key in KEYS]) | SCALARS
    return recipe, {**found, **some(st.dictionaries(odd, ANY, max_size=2))}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(proposal=values_of_any_sort())
def test_only_values_of_the_contract_pass(library: Library, stage: Scope, proposal: tuple[str, dict[Any, Any]]) -> None:
    """The same for values that are no text: never an exception, and nothing outside."""
    recipe, values = proposal
    verdict = gate.vet(stage, recipe, values)
    wanted = all(inside(recipe, key, value) for key, value in values.items())
    assert isinstance(verdict, Vetted) == wanted, verdict
    if isinstance(verdict, Vetted):
        assert dict(verdict.overrides) == values
        unchanged(library, verdict)
    else:
        assert explains(verdict), verdict
