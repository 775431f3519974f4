"""From words to a scope: what is pinned, however it is said, which recipes are left, and the command that says it."""

import shlex
from pathlib import Path

import pytest

from intern.cli import compose
from intern.cli.words import opened
from intern.config import composition
from intern.config.gate import Scope
from intern.config.library import Library
from intern.errors import UserError

SFT = ("goal=arithmetic", "recipe=generated/sft")


def scope(library: Library, *words: str) -> Scope:
    """What the command line makes of words."""
    told = opened(words, library)
    return compose.scope_of(composition.compose(told), told, library)


def faults(library: Library, *words: str) -> list[str]:
    """The lines of the error that words make."""
    with pytest.raises(UserError) as error:
        scope(library, *words)
    return str(error.value).splitlines()


@pytest.mark.parametrize("value", ["1e-3", "0.002"], ids=["the recipe's own", "another"])
@pytest.mark.parametrize(
    "word",
    [
        "recipe.sft.learning_rate={}",
        "+recipe.sft.learning_rate={}",
        "++recipe.sft.learning_rate={}",
        "recipe.sft={{learning_rate: {}}}",
        "+recipe.sft={{learning_rate: {}}}",
        "recipe={{sft: {{learning_rate: {}}}}}",
        "++recipe={{sft: {{learning_rate: {}}}}}",
    ],
)
def test_every_way_to_set_a_key_pins_it(library: Library, word: str, value: str) -> None:
    """With one recipe and with all that suit, also if the value is the recipe's own."""
    one = scope(library, *SFT, word.format(value))
    assert one.pins == {"generated/sft": {"sft.learning_rate": float(value)}}
    assert one.config.recipe.value("sft.learning_rate") == float(value)
    assert one.pinned == {"sft.learning_rate"}
    several = scope(library, "goal=arithmetic", word.format(value))
    assert set(several.recipes) == {"generated/sft", "generated/grpo", "generated/sft_grpo"}
    assert several.pins == {
        "generated/sft": {"sft.learning_rate": float(value)},
        "generated/sft_grpo": {"sft.learning_rate": float(value)},
        "generated/grpo": {},
    }
    assert several.recipes["generated/sft_grpo"].value("sft.learning_rate") == float(value)


def test_nothing_else_is_pinned(library: Library) -> None:
    """A goal's, a model's and a budget's keys are no pins, nor is the choice of a recipe, nor an empty section."""
    for words in ([], ["goal.dev_items=7", "seed=3", "budget.trials=2"], ["recipe.sft={}"], ["recipe={}"]):
        assert scope(library, *SFT, *words).pins == {"generated/sft": {}}


@pytest.mark.parametrize(
    ("word", "pins"),
    [
        ("recipe.rewards.answer_line=0.5", {"rewards": {"goal": 1.0, "answer_line": 0.5}}),
        ("recipe.rewards={answer_line: 0.5}", {"rewards": {"goal": 1.0, "answer_line": 0.5}}),
        ("recipe.lora=8", {"lora": 8}),
        ("recipe.sft.max_steps=5000", {"sft.max_steps": 5000}),  # beyond the contract, which binds proposals alone
        ("recipe.sft.lr_scheduler_kwargs={min_lr_rate: 0.1}", {"sft.lr_scheduler_kwargs": {"min_lr_rate": 0.1}}),
        ("recipe.sft={max_steps: 31, weight_decay: null}", {"sft.max_steps": 31, "sft.weight_decay": None}),
    ],
)
def test_what_may_be_pinned(library: Library, word: str, pins: dict[str, object]) -> None:
    """Keys outside the contract and values that are no number, in one recipe and in those that suit."""
    assert scope(library, *SFT, word).pins["generated/sft"] == pins
    assert scope(library, "goal=arithmetic", word).pins["generated/sft"] == pins


def test_an_entry_that_is_taken_away(library: Library, tmp_path: Path) -> None:
    """`~recipe.rewards.x` leaves the other rewards, and pins them."""
    file = tmp_path / "two.yaml"
    file.write_text("stages: [synthetic, sft]\nsft: {max_length: 96}\nrewards: {goal: 1.0, answer_line: 0.5}\n")
    found = scope(library, "goal=arithmetic", f"recipe={file}", "~recipe.rewards.answer_line")
    assert found.pins == {"file/two": {"rewards": {"goal": 1.0}}}


def test_other_stages(library: Library) -> None:
    """A person may take a stage out of a recipe, its section and contract with it, or put one in."""
    found = scope(library, "goal=arithmetic", "recipe=generated/sft_grpo", "recipe.stages=[synthetic,sft]")
    recipe = found.recipes["generated/sft_grpo"]
    assert recipe.stages == ["synthetic", "sft"] and dict(recipe.kinds) == {"synthetic": "synthetic", "sft": "sft"}
    assert recipe.contract and not [key for key in recipe.contract if key.startswith("grpo.")]
    more = scope(library, *SFT, "recipe.stages=[synthetic,sft,grpo]", "recipe.grpo.beta=0.1")
    assert more.config.recipe.value("grpo.beta") == 0.1
    assert faults(library, *SFT, "recipe.grpo.beta=0.1")[1] == (
        "  - recipe.grpo: the recipe has no such stage, but synthetic, sft"
    )
    assert "needs rows" in faults(library, *SFT, "recipe.stages=[sft]")[1]


def test_a_file(library: Library, tmp_path: Path) -> None:
    """A recipe's path is adopted under its own name; the command names the path again."""
    file = tmp_path / "my own.yaml"
    file.write_text("stages: [synthetic, sft]\nsft: {max_steps: 5, max_length: 96}\n")
    found = scope(library, "goal=arithmetic", f"recipe={file}", "recipe.sft.max_steps=6")
    assert list(found.recipes) == ["file/my own"] and found.pins == {"file/my own": {"sft.max_steps": 6}}
    assert found.command.endswith(shlex.quote(f"recipe={file}"))


@pytest.mark.parametrize(
    "words",
    [
        ["goal=arithmetic"],
        [*SFT, "recipe.sft.learning_rate=2e-3", "seed=4"],
        [*SFT, "recipe={sft: {max_steps: 40}}"],
        ["goal=mixed", "goal.prompt='{question} Answer:'", "recipe.rewards={answer_line: 0.5}"],
        ["goal=mixed", "model=intern/models/tiny", "budget.trials=0.5"],
    ],
    ids=" ".join,
)
def test_the_command_says_the_same(library: Library, words: list[str]) -> None:
    """As a shell reads it, it makes the same scope."""
    first = scope(library, *words)
    start, again = shlex.split(first.command)[:3], shlex.split(first.command)[3:]
    assert start == ["python", "-m", "intern"]
    assert scope(library, *again) == first


def test_a_value_fits_the_recipes_that_have_its_key(library: Library) -> None:
    """What none has is a fault, all of them at once; so is a wrong value, once for all recipes."""
    assert faults(library, "goal=arithmetic", "recipe.sft.learning_rat=1", "recipe.nope=2") == [
        'recipe.sft.learning_rat: no recipe that suits goal arithmetic has this key. Did you mean "sft.learning_rate"?',
        "recipe.nope: no recipe that suits goal arithmetic has this key.",
    ]
    lines = faults(library, "goal=arithmetic", "recipe.sft.max_steps=x", "recipe.grpo.beta=y")
    assert sorted(line.partition(":")[0] for line in lines) == ["recipe.grpo.beta", "recipe.sft.max_steps"]


def test_no_recipe_suits(library: Library) -> None:
    """The recipes are named, one of which has to be chosen."""
    (line,) = faults(library, "goal=mixed", "goal.name=other")
    assert line.startswith("No recipe suits goal other. Name one: recipe=NAME, one of generated/grpo, ")


def test_values_are_read_once(library: Library) -> None:
    """What is composed is what the trials run: the scope's config is typed, and the library's recipe untouched."""
    before = library.load("generated/sft").value("sft.max_steps")
    found = scope(library, *SFT, "recipe.sft.max_steps=33", "goal.dev_items=9")
    assert found.config.goal.dev_items == 9 and found.config.recipe is found.recipes["generated/sft"]
    assert library.load("generated/sft").value("sft.max_steps") == before != 33


def test_a_search_with_another_seed_is_another_study(library: Library) -> None:
    """Trials of proposer=fixed stand in one; a study's name can be given."""
    names = [scope(library, *words).config.study for words in (
        ("goal=arithmetic",), ("goal=arithmetic", "seed=2"), ("goal=arithmetic", "seed=2", "proposer=fixed"),
        ("goal=arithmetic", "seed=2", "study=mine"),
    )]  # fmt: skip
    assert names == ["arithmetic-tiny", "arithmetic-tiny-seed2", "arithmetic-tiny", "mine"]
