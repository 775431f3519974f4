"""What work needs of a machine, computed: beside what torch saves, beside known models, and in the right order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intern import checkpoints, hardware
from intern.cli.compose import compose
from intern.config import fit, schema, typed
from intern.config.choices import options
from intern.config.cost import Cost, Lengths, Training, Writing
from intern.config.library import Library
from intern.config.schema import Compute, Config, Model
from intern.config.shape import Shape
from intern.config.stages import stage
from intern.data import lengths
from intern.errors import UserError
from intern.machine import memory, speed, target
from intern.machine.target import Target

SMALL = Shape(2, 256, 8, 2, 32, 768, 300)
ROWS = Lengths(60, 60, 200)
CARD = Target("card", 24e9, 1e14, 1e13, 1e12, gpu=True, here=False)


@pytest.mark.parametrize("name", sorted(set(options("model")) - {"local", "tiny"}))
def test_shipped_sizes(library: Library, name: str) -> None:
    """They make the parameters that the model is known to have."""
    model = typed.config(compose([f"model={name}"], library)).model
    assert model.shape.known and model.parameters and model.width == model.shape.hidden
    assert model.shape.parameters == pytest.approx(model.parameters, rel=0.005)


def test_sizes_of_a_folder(random_model: Path) -> None:
    """They are those of its config.json, and make the parameters of its weights but for the norms."""
    from safetensors import safe_open

    model = fit.model(Model("mine", str(random_model)))
    with safe_open(random_model / checkpoints.WEIGHTS, "pt") as file:
        whole = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118  # it is no mapping
    assert model.shape.known and model.shape.parameters == pytest.approx(whole, rel=0.01)
    assert model.shape.adapter(8) == 8 * 2 * (64 + 48 + 48 + 64 + 3 * 96)


@pytest.mark.parametrize("config", [{"num_hidden_layers": 2, "hidden_size": 8}, {"num_experts": 4}])
def test_sizes_that_are_not_stated(config: dict[str, Any]) -> None:
    """Nothing is made up, also for a mixture of experts."""
    whole = {"num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 9}
    whole |= {"num_hidden_layers": 1, "hidden_size": 8}
    lacking = whole | config if "num_experts" in config else config
    assert checkpoints.sizes(whole)["tied"] and not checkpoints.sizes(lacking)


def saved(layers: int, autocast: bool) -> float:
    """The bytes that torch saves for the backward pass of a Qwen3's blocks, for each token of 4 rows of 128."""
    import torch
    from transformers import Qwen3Config, Qwen3Model

    config = Qwen3Config(
        vocab_size=300,
        hidden_size=SMALL.hidden,
        num_hidden_layers=layers,
        num_attention_heads=SMALL.heads,
        num_key_value_heads=SMALL.kv_heads,
        head_dim=SMALL.head_size,
        intermediate_size=SMALL.intermediate,
    )
    model = Qwen3Model(config).train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    tensors: list[Any] = []

    def keep(tensor: Any) -> Any:
        tensors.append(tensor)
        return tensor

    ids = torch.randint(0, 300, (4, 128))
    mask = torch.ones_like(ids)
    mask[0, :40] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        kept = model(ids, attention_mask=mask, use_cache=False)
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    del kept
    return sum(size for place, size in storages.items() if place not in own) / ids.numel()


@pytest.mark.parametrize("gpu", [False, True])
def test_activations_are_what_torch_saves(gpu: bool) -> None:
    """Of a block, within a seventh: in float32, and in the mixed precision of a GPU, casts of weights aside."""
    block = (saved(4, gpu) - saved(2, gpu)) / 2
    casts = 2 * replace(SMALL, layers=1).linear / 512 if gpu else 0.0
    assert memory.activations(SMALL, gpu) == pytest.approx(block - casts, rel=0.15)


def test_what_a_training_keeps() -> None:
    """16 bytes a weight; with LoRA 4, and 16 of the adapter; 4 more for a reference."""
    work = Training(10, 8, 8, 100)
    weights = SMALL.parameters
    assert memory.kept(SMALL, work, None) == 16 * weights
    assert memory.kept(SMALL, work, 8) == 4 * weights + 16 * SMALL.adapter(8)
    assert memory.kept(SMALL, replace(work, reference=True), None) == 20 * weights


def config(library: Library, *words: str) -> Config:
    """A config of a large model."""
    return typed.config(compose(["model=qwen3-1.7b", "goal=arithmetic", *words], library))


def test_what_saves_memory(library: Library) -> None:
    """Fewer rows at once, checkpointing, shorter rows and LoRA each do; an engine beside takes its share."""
    whole = config(library)
    lora = replace(whole, recipe=replace(whole.recipe, lora=16))
    work = Training(10, 8, 8, 150, checkpointing=False)
    least = [
        memory.need(Cost(w), c, ROWS, True, 24e9).high
        for w, c in (
            (work, whole),
            (replace(work, at_once=4), whole),
            (replace(work, at_once=4, checkpointing=True), whole),
            (replace(work, at_once=4, checkpointing=True, longest=64), whole),
            (replace(work, at_once=4, checkpointing=True, longest=64), lora),
        )
    ]
    assert least == sorted(least, reverse=True) and len(set(least)) == 5
    drawn = Cost(replace(work, written=32), Writing(80, 8, 32, engine=0.25))
    without = replace(drawn, writing=None)
    beside, alone = (memory.need(cost, whole, ROWS, True, 24e9).low for cost in (drawn, without))
    assert beside == alone + 6e9


def test_time(library: Library) -> None:
    """More steps take longer, checkpointing and a slower machine too; LoRA is quicker; nothing is known of no steps."""
    whole = config(library)
    lora = replace(whole, recipe=replace(whole.recipe, lora=16))
    work = Training(100, 64, 64, 200, checkpointing=False)

    def took(work: Training, config: Config = whole, machine: Target = CARD) -> float:
        span = speed.seconds(Cost(work), config, ROWS, machine)
        assert span and 0 < span.low < span.high
        return span.middle

    assert took(replace(work, steps=200)) > 1.8 * took(work)
    assert took(work, lora) < took(work) < took(replace(work, checkpointing=True))
    assert took(work) < took(work, machine=replace(CARD, peak=1e13))
    assert speed.seconds(Cost(replace(work, steps=None)), whole, ROWS, CARD) is None
    assert speed.seconds(Cost(writing=Writing(None, 8, 8)), whole, ROWS, CARD) is None


@pytest.mark.parametrize(
    ("kind", "settings", "halved"),
    [
        ("sft", {}, {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}),
        ("sft", {"per_device_train_batch_size": 3}, None),
        ("sft", {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 9}, None),
        ("grpo", {"steps_per_generation": 2}, {"per_device_train_batch_size": 4, "steps_per_generation": 4}),
        ("grpo", {"loss_type": "bnpo"}, None),
        ("grpo", {"entropy_coef": 0.1}, None),
        ("grpo", {"top_entropy_quantile": 0.5}, None),
    ],
)
def test_halves(library: Library, kind: str, settings: dict[str, Any], halved: dict[str, Any] | None) -> None:
    """Half the rows at once and the same batch, and none where the loss of a pass would be another."""
    described = stage(kind)
    before = described.settings(**settings)
    after = described.halved(before)
    if halved is None:
        assert after is None
        return
    assert after and {key: getattr(after, key) for key in halved} == halved
    costs = [described.cost(each, config(library), 100) for each in (before, after)]
    assert costs[0].training.batch == costs[1].training.batch == 2 * costs[1].training.at_once
    assert costs[0].writing == costs[1].writing and costs[0].training.steps == costs[1].training.steps


def test_rows_are_counted(library: Library) -> None:
    """By the model's own tokenizer if it is here, by letters if not, and widely if there are no rows."""
    tiny = fit.model(typed.config(compose(["model=tiny"], library)).model)
    goal = config(library).goal
    own, letters = lengths.of(goal, tiny), lengths.of(goal, config(library).model)
    assert own.spread == 1.0 < letters.spread < lengths.counted([], tiny).spread
    assert own.target > 2 * letters.target and own.most >= own.prompt + own.target  # bytes, not words
    assert own.asked(2)[0] == own.prompt * 3 + own.target * 2


def test_a_gpu_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures are the table's, its memory what nvidia-smi says; of an unknown one they are asked for."""
    monkeypatch.setattr(hardware, "gpus", lambda: ["NVIDIA H100 80GB HBM3, 81559 MiB"])
    seen = target.target(Compute("local", slots=2))
    assert seen.gpu and seen.here and seen.peak == 989e12 and seen.memory == pytest.approx(81559 * 2**20 / 2)
    monkeypatch.setattr(hardware, "gpus", lambda: ["Tesla T4, 15360 MiB"])
    with pytest.raises(UserError, match="The GPU Tesla T4 is none of a100, h100, .*compute.device.tflops="):
        target.target(Compute("local"))
    with pytest.raises(UserError, match="compute.device.gb_per_second: a value is needed for T4"):
        target.target(Compute("local", device=schema.Compute().device.__class__("T4", memory_gb=15, tflops=65)))


def test_a_processor_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the free memory, and comes to something."""
    monkeypatch.setattr(hardware, "gpus", lambda: [])
    seen = target.target(Compute("local"))
    assert not seen.gpu and seen.here and seen.peak > 1e8 and seen.bandwidth > 1e7 and seen.busy >= 1
    free, whole = hardware.memory()
    assert 0 < seen.memory <= whole and 0 < free <= whole
