"""The gate: only the contract's own keys pass, with values inside it, and every refusal explains itself."""

from functools import cache
from pathlib import Path

import pytest
from attacks import ATTACKS, GOOD, GRPO, RATE, RECIPES, SCENE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from intern.config import contract, gate, library, schema
from intern.config.gate import Rejection, Scene, Vetted

pytestmark = pytest.mark.usefixtures("composing")

def explains(verdict: object) -> bool:
    """Whether it is a refusal whose reasons a person, or a model, can read."""
    return (
        isinstance(verdict, Rejection)
        and len(verdict.reasons) > 0
        and all(r.isascii() and r.isprintable() and 10 < len(r) < 600 and "Traceback" not in r for r in verdict.reasons)
    )


@pytest.mark.parametrize("lines", ATTACKS, ids=lambda lines: ascii(lines)[:60])
def test_refuses(lines: list[object]) -> None:
    """Each attack comes back as a refusal, never as an exception."""
    verdict = gate.vet(SCENE, lines)
    assert explains(verdict), verdict


def test_all_reasons_at_once() -> None:
    """Five faults, five reasons, in their order."""
    lines = [GRPO, f"+{GOOD}", "seed=1", f"{RATE}=9", "recipe.lora=8", "recipe.grpo.beta=0.5"]
    verdict = gate.vet(SCENE, lines)
    assert isinstance(verdict, Rejection) and len(verdict.reasons) == 5
    assert "outside" in "".join(verdict.reasons) and "0.0, 0.01, 0.04" in "".join(verdict.reasons)


def test_suggests() -> None:
    """A near key and a near name are offered."""
    verdict = gate.vet(SCENE, [GRPO, "recipe.grpo.learning_rat=1e-3"])
    assert isinstance(verdict, Rejection) and f'Did you mean "{RATE}"?' in verdict.reasons[0]
    verdict = gate.vet(SCENE, ["recipe=generated/gpro"])
    assert isinstance(verdict, Rejection) and 'Did you mean "generated/grpo"?' in verdict.reasons[0]


def test_pins() -> None:
    """A key that the command line fixed is refused, kept in every config, and named in the overrides."""
    scene = Scene((*SCENE.words, f"{RATE}=0.0005"), RECIPES)
    refused = gate.vet(scene, [GRPO, GOOD])
    assert explains(refused) and "pinned" in refused.reasons[0]
    passed = gate.vet(scene, [GRPO, "recipe.grpo.beta=0.01"])
    assert isinstance(passed, Vetted) and passed.overrides == (f"{RATE}=0.0005", "recipe.grpo.beta=0.01")
    assert passed.config.recipe.grpo.learning_rate == 0.0005
    assert gate.difference(passed) == [(RATE, 5e-5, 5e-4), ("recipe.grpo.beta", None, 0.01)]


def test_cross_field(tmp_path: Path) -> None:
    """A value inside the contract can still be one that TRL would refuse: the gate says so, with the remedy."""
    path = tmp_path / "open.yaml"
    path.write_text(
        "suits: [arithmetic]\nstages: [data, grpo]\n"
        "grpo: {per_device_train_batch_size: 8, num_generations: 8, max_completion_length: 48}\n"
        "tunable: {grpo.num_generations: [1, 4, 7, 8], grpo.max_completion_length: {low: 8, high: 4096}}\n"
    )
    scene = Scene(SCENE.words, (library.adopt(path),))
    lines = ["recipe=file/open", "recipe.grpo.num_generations=7", "recipe.grpo.max_completion_length=512"]
    verdict = gate.vet(scene, lines)
    assert explains(verdict) and len(verdict.reasons) == 2 and "choose one of 2, 4, 8" in verdict.reasons[0]
    assert explains(gate.vet(scene, ["recipe=file/open", "recipe.grpo.num_generations=1"]))
    assert isinstance(gate.vet(scene, ["recipe=file/open", "recipe.grpo.num_generations=4"]), Vetted)


def test_rewards_replace_the_default(tmp_path: Path) -> None:
    """A recipe that leaves the goal's reward out is composed without it."""
    path = tmp_path / "bonus.yaml"
    path.write_text("stages: [data, grpo]\ngrpo: {max_completion_length: 48}\nrewards: {answer_line: 1.0}\n")
    verdict = gate.vet(Scene(SCENE.words, (library.adopt(path),)), ["recipe=file/bonus"])
    assert isinstance(verdict, Vetted) and verdict.config.recipe.rewards == {"answer_line": 1.0}
    assert verdict.config.recipe == library.load("file/bonus")


@cache
def bounds(recipe: str) -> contract.Contract:
    """The contract of a recipe."""
    return contract.read(library.load(recipe).tunable)[0]


@cache
def plain(recipe: str) -> dict[str, object]:
    """The composed config of a recipe as its author left it."""
    return dict(schema.flat(OmegaConf.to_object(gate.composed_config((*SCENE.words, f"recipe={recipe}")))))


def draw(domain: contract.Range | contract.Choices) -> st.SearchStrategy[contract.Value]:
    """Legal values of a domain."""
    if isinstance(domain, contract.Choices):
        return st.sampled_from(domain.options)
    if domain.kind is int:
        return st.integers(int(domain.low), int(domain.high))
    return st.floats(domain.low, domain.high)


@st.composite
def legal(some: st.DrawFn) -> tuple[str, dict[str, contract.Value]]:
    """A recipe and values inside its contract."""
    recipe = some(st.sampled_from(RECIPES))
    keys = some(st.lists(st.sampled_from(sorted(bounds(recipe))), unique=True))
    return recipe, {key: some(draw(bounds(recipe)[key])) for key in keys}


NASTY = "0123456789.eE+-_=~@:,()[]{}'\"\\$ #%/\x00\n\u200b\u0660рx"
WORDS = ["nan", "inf", "null", "true", "", "???", "${seed}", "1e999", "0x1", "1,2", "[1]", "choice(1,2)", "1e-3", "8"]
KEYS = ["recipe", "+recipe", "recipe.sft", "seed", "goal", *(k for k, _ in schema.flat(schema.Recipe(), "recipe."))]


@st.composite
def crooked(some: st.DrawFn) -> list[str]:
    """Lines around the legal grammar: legal ones, some with a wrong key or value, or with a character changed."""
    recipe, values = some(legal())
    lines = [f"recipe={recipe}", *(f"recipe.{key}={contract.show(value)}" for key, value in values.items())]
    for _ in range(some(st.integers(0, 2))):
        lines.append(f"{some(st.sampled_from(KEYS))}={some(st.sampled_from(WORDS) | st.floats().map(repr))}")
    if some(st.booleans()):
        which = some(st.integers(0, len(lines) - 1))
        at = some(st.integers(0, len(lines[which])))
        cut = some(st.integers(0, 1))
        put = some(st.text(st.sampled_from(NASTY), max_size=2))
        lines[which] = lines[which][:at] + put + lines[which][at + cut :]
    return some(st.permutations(lines))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crooked())
def test_only_the_contract_passes(lines: list[str]) -> None:
    """Refused with reasons; or changed in the contract's keys alone, inside their domains, and stable when re-read."""
    verdict = gate.vet(SCENE, lines)
    if isinstance(verdict, Rejection):
        assert explains(verdict)
        return
    given_values = dict(word.split("=") for word in verdict.overrides)
    composed = dict(schema.flat(verdict.config))
    for key, text in given_values.items():
        domain = bounds(verdict.recipe)[key.removeprefix("recipe.")]
        assert domain.parse(text) == composed[key]
    before = plain(verdict.recipe)
    assert {key for key, value in composed.items() if value != before[key]} <= given_values.keys()
    assert gate.vet(SCENE, [f"recipe={verdict.recipe}", *verdict.overrides]) == verdict


@settings(max_examples=15, deadline=None)
@given(legal())
def test_all_of_the_contract_passes(proposal: tuple[str, dict[str, contract.Value]]) -> None:
    """Every legal draw is accepted and arrives exactly as it was drawn."""
    recipe, values = proposal
    verdict = gate.vet(SCENE, [f"recipe={recipe}", *(f"recipe.{k}={contract.show(v)}" for k, v in values.items())])
    assert isinstance(verdict, Vetted), verdict
    composed = dict(schema.flat(verdict.config.recipe))
    assert all(composed[key] == value and type(composed[key]) is type(value) for key, value in values.items())
