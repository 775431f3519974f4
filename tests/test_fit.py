"""What depends on the model and the data is filled in before a study is vetted, and what a person says stays."""

import json
from pathlib import Path

import pytest
from conftest import scope
from hypothesis import given
from hypothesis import strategies as st
from made import recipe_of

from intern.config import fit, gate, schema
from intern.config.library import Library
from intern.config.schema import Config, Model
from intern.errors import UserError
from intern.stages import _schedule

MODELS = sorted(file.stem for file in (schema.ROOT / "conf" / "model").glob("*.yaml") if file.stem != "local")
OWN = [name for name in Library().names() if name.startswith("local/")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty questions of a person's own, in files."""
    for split in ("train", "test"):
        rows = [{"question": f"What is {split} {n}?", "answer": str(n)} for n in range(40)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.mark.parametrize("model", MODELS)
def test_own_files_on_every_model(model: str, data: Path, library: Library) -> None:
    """As the README says it: every recipe for own files runs as it is on every model that comes along, and its values
    are within its contract."""
    made = scope(library, "goal=local", f"goal.data_dir={data}", f"model={model}")
    assert sorted(made.recipes) == sorted(OWN)
    for name, recipe in made.recipes.items():
        assert not isinstance(gate.vet(made, name, {}), gate.Rejection)
        values = {key: recipe.value(key) for key in recipe.contract}
        fitted = {key: value for key, value in values.items() if key.endswith((".learning_rate", ".max_steps"))}
        assert None not in fitted.values() and len(fitted) >= 2
        for key, value in fitted.items():
            assert recipe.contract[key].check(value) == value


def test_what_a_person_says_stays(data: Path, library: Library) -> None:
    """A value on the command line is no rule's business, and is pinned; what a rule fills in is not."""
    words = ["goal=local", f"goal.data_dir={data}", "model=tiny", "recipe=local/sft", "recipe.sft.learning_rate=1e-3"]
    made = scope(library, *words)
    assert (made.config.recipe.sft.learning_rate, made.config.recipe.sft.max_steps) == (1e-3, _schedule.FEWEST)
    assert dict(made.pins["local/sft"]) == {"sft.learning_rate": 1e-3}
    assert scope(library, *words, "recipe.sft.num_train_epochs=2").config.recipe.sft.max_steps is None


@given(st.integers(16, 20000), st.integers(16, 20000), st.sampled_from([None, 1, 64]))
def test_the_rate_falls_with_the_width(one: int, other: int, lora: int | None) -> None:
    """5e-5 at a width of 2,000, ten times that for LoRA of any rank, and never more for a wider model."""
    tree = {"stages": ["data", "sft"], "lora": lora}

    def rate(width: int) -> float:
        return _schedule.rate(Config(model=Model(width=width), recipe=recipe_of("r", **tree)))

    narrow, wide = sorted((one, other))
    assert 0 < rate(wide) <= rate(narrow)
    assert rate(2000) == (5e-5 if lora is None else 5e-4)


@pytest.mark.parametrize(
    ("rows", "batch", "rounds", "steps"),
    [
        (40, 8, 1, 100),
        (800, 8, 1, 300),
        (800, 8, 2, 150),
        (200_000, 8, 1, 1000),
        (800, None, None, 300),
        (None, 8, 1, None),
    ],
)
def test_steps_by_rows(rows: int | None, batch: int | None, rounds: int | None, steps: int | None) -> None:
    """Three epochs, at least 100 steps and at most 1,000; nothing if the rows are not known."""
    settings = _schedule.Schedule(per_device_train_batch_size=batch, gradient_accumulation_steps=rounds)
    assert _schedule.steps(settings, rows) == steps


def test_a_recipe_that_takes_fewer_rows() -> None:
    """Its steps are those of the rows that it takes."""
    tree = {"stages": ["data", "sft"], "data": {"rows": 400}, "sft": {"per_device_train_batch_size": 8}}
    made = fit.recipe(recipe_of("r", **tree), Config(model=Model(width=128)), 5000)
    assert made.sft.max_steps == 150


def test_a_model_folder_says_what_it_is(tmp_path: Path) -> None:
    """Type, context and width are its config.json's; of a model that sees as well, its text part's; what a person says
    stays; a model on the Hub is taken for bfloat16."""
    about = {"torch_dtype": "float16", "text_config": {"hidden_size": 640, "max_position_embeddings": 2048}}
    (tmp_path / "config.json").write_text(json.dumps(about))
    made = fit.model(Model("own", str(tmp_path)))
    assert (made.dtype, made.context, made.width) == ("float16", 2048, 640)
    made = fit.model(Model("own", str(tmp_path), dtype="float32", context=9))
    assert (made.dtype, made.context, made.width) == ("float32", 9, 640)
    (tmp_path / "config.json").write_text('{"dtype": "float8_e4m3fn"}')
    assert fit.model(Model("own", str(tmp_path))).dtype == "bfloat16"
    assert fit.model(Model("hub", "some/where")).dtype == "bfloat16"


@pytest.mark.parametrize(
    ("text", "part"),
    {
        "{": "is not valid JSON (Expecting property name",
        "[1]": "holds [1], and a JSON object is needed",
        "null": "holds None, and a JSON object is needed",
        "[" * 100_000: "is not valid JSON (maximum recursion depth",
        "\udcff": "is not UTF-8 text (byte 0)",
    }.items(),
    ids=["torn", "list", "null", "deep", "bytes"],
)
def test_a_config_that_cannot_be_read(tmp_path: Path, text: str, part: str) -> None:
    """One line with the file, what is wrong and what mends it."""
    (tmp_path / "config.json").write_text(text, errors="surrogateescape")
    with pytest.raises(UserError) as told:
        fit.model(Model("own", str(tmp_path)))
    assert str(told.value).startswith(f"{tmp_path / 'config.json'} {part}") and "\n" not in str(told.value)
    assert str(told.value).endswith("Save it anew beside the weights: model.save_pretrained(folder).")


@pytest.mark.parametrize("value", [-4, 0, "x", "640", 1.5, True, [640], None])
def test_what_is_no_count_is_not_taken(tmp_path: Path, value: object) -> None:
    """A width or a context that is no positive whole number is as if it were not said, a text part that is none too."""
    said = {"hidden_size": value, "max_position_embeddings": value, "dtype": [value], "text_config": value}
    (tmp_path / "config.json").write_text(json.dumps(said))
    made = fit.model(Model("own", str(tmp_path)))
    assert (made.dtype, made.context, made.width) == ("bfloat16", None, None)
