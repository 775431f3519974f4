"""Each stage by itself, on a small random model or the embedded one: what it writes, and what never may be in it."""

import json
import math
import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from intern import checkpoints
from intern.config import schema, typed
from intern.config.schema import Compute, Config, Goal, Model
from intern.config.stages import stage
from intern.data import items, splits
from intern.errors import UserError
from intern.stages import Task

TINY = schema.ROOT / "intern" / "models" / "tiny"
SHORT = {
    "max_steps": 3,
    "per_device_train_batch_size": 4,
    "max_length": 64,
    "logging_steps": 1,
    "activation_checkpointing": False,
}
GROUPS = {
    "learning_rate": 1e-3,
    "max_steps": 2,
    "per_device_train_batch_size": 4,
    "num_generations": 2,
    "max_completion_length": 24,
    "logging_steps": 1,
    "activation_checkpointing": False,
}
LONG = " ".join(f"w{i}" for i in range(13))


class Bench:
    """A goal's items on disk, and stages that run on them."""

    def __init__(self, folder: Path, model: Path, goal: Goal | None = None) -> None:
        self.folder, self.model = folder, model
        goal = goal or Goal("sums", generator="arithmetic", dev_items=24, test_items=12, few_shot=2, max_new_tokens=32)
        base = Model("local", str(model), dtype="float32", eos_token="<|im_end|>", context=512)
        self.config = Config(goal=goal, model=base, compute=Compute("local", checkpoint_minutes=0, look_share=1e6))
        splits.materialise(goal, folder / "items")

    def run(self, name: str, settings: Any = None, seed: int = 0, rows: Path | None = None, **recipe: Any) -> Path:
        """Run one stage; return its output folder."""
        out = self.folder / f"{name}{len(list(self.folder.iterdir()))}"
        out.mkdir()
        self.again(name, out, settings, seed, rows, **recipe)
        return out

    def again(
        self, name: str, out: Path, settings: Any = None, seed: int = 0, rows: Path | None = None, **recipe: Any
    ) -> None:
        """Run one stage on a folder that may be half made."""
        settings = settings or {}
        if stage(name).makes in ("rows", "model"):
            made, faults = typed.recipe({"stages": [name], name: settings, **recipe})
            assert not faults, faults
            self.config.recipe = made
            given = getattr(made, name)
        else:
            given = stage(name).settings(**settings)
        base = str(self.base if hasattr(self, "base") else self.model)
        task = Task(name, given, self.config, str(self.model), base, rows, self.folder / "items", seed, out)
        stage(name).run(task)

    def held_out(self) -> list[items.Row]:
        """Every dev and test item."""
        return [row for split in ("dev", "test") for row in items.read(self.folder / "items" / f"{split}.jsonl")]


@pytest.fixture
def bench(tmp_path: Path, random_model: Path) -> Bench:
    """Sums, on the random model."""
    return Bench(tmp_path, random_model)


@pytest.fixture
def sums(bench: Bench) -> Path:
    """Sixty train rows."""
    return bench.run("data", {"rows": 60}) / "rows.jsonl"


def metrics(out: Path) -> list[dict[str, Any]]:
    """What the trainer logged."""
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, Any]:
    """The tensors of a checkpoint."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    """Whether two checkpoints have the very same tensors."""
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(first[key].equal(second[key]) for key in first)


def plain(out: Path, like: Path) -> None:
    """Assert that a folder is a checkpoint like any other: of the base's kind, loadable, no adapter and no pickle."""
    from transformers import AutoModelForCausalLM

    assert checkpoints.architecture(out) == checkpoints.architecture(like)
    assert checkpoints.template(out) == checkpoints.template(like)
    names = {path.name for path in out.iterdir() if path.is_file()}
    assert not any("adapter" in name or name.endswith((".bin", ".pt", ".pth", ".pkl")) for name in names), names
    model, settings = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not settings["missing_keys"] and not settings["unexpected_keys"]
    assert model.generation_config.do_sample is False
    assert not same(out, like)


def test_data_of_a_generated_goal(bench: Bench) -> None:
    """Distinct train items only, another draw for another seed, the same for the same."""
    keys_held_out = {row["key"] for row in bench.held_out()}
    drawn = {}
    for seed in (0, 1, 2, 0):
        out = bench.run("data", {"mix": [{"goal": True, "limit": 300}]}, seed)
        rows = items.read(out / "rows.jsonl")
        keys = [row["key"] for row in rows]
        assert len(set(keys)) == len(keys) >= 298 and keys_held_out.isdisjoint(keys)  # less the few-shot examples
        assert {items.split_of(key) for key in keys} == {"train"}
        assert drawn.setdefault(seed, rows) == rows
    assert drawn[0] != drawn[1] != drawn[2]


def test_data_of_local_files(tmp_path: Path, random_model: Path) -> None:
    """Repeated, blank and contaminated rows are dropped; what is left is what was given."""
    files, good = tmp_path / "files", [{"question": f"Which is {i}?", "answer": i} for i in range(9)]
    files.mkdir()
    test = [{"question": "Is it held?", "answer": 1}, {"question": f"If {LONG} then?", "answer": 2}]
    bad = [
        {"question": "  ", "answer": 3}, {"question": "Blank?", "answer": " "},
        {"question": " is IT   held?", "answer": 4}, {"question": f"So {LONG.upper()} or not?", "answer": 5},
        {"question": "Is dev held?", "answer": 6}, good[0], {**good[1], "question": " which is 1? "},
    ]  # fmt: skip
    dev = [{"question": "Is DEV held?", "answer": 1}, {"question": "And this?", "answer": 1}]
    for split, rows in {"train": good + bad, "test": test, "dev": dev}.items():
        items.write(files / f"{split}.jsonl", rows)
    bench = Bench(tmp_path, random_model, Goal("local", data_dir=str(files)))
    out = bench.run("data")
    rows = items.read(out / "rows.jsonl")
    assert sorted(row["target"] for row in rows) == [f"ANSWER: {i}" for i in range(9)]
    told = json.loads((out / "cleaning.json").read_text())
    assert (told["gathered"], told["kept"], told["near"]) == (14, 9, {})
    assert told["dropped"] == {"blank": 2, "repeated": 2, "ngram": 1}
    (example,) = told["examples"]["ngram"]
    assert (example["question"], example["matched"]) == (f"So {LONG.upper()} or not?", "test 1")
    assert {part: entry["items"] for part, entry in told["held_out"].items()} == {"dev": 2, "test": 2}
    assert told["methods"]["words"] == [8, 13]


def test_data_without_rows_names_the_source(tmp_path: Path, random_model: Path) -> None:
    """A missing column, and nothing left at all, are a person's faults and are told so."""
    folder = tmp_path / "mirror" / "some" / "set"
    folder.mkdir(parents=True)
    items.write(folder / "train.jsonl", [{"q": " ", "a": "1"}])
    bench = Bench(tmp_path, random_model)
    bench.config.compute.mirror = str(tmp_path / "mirror")
    for column, said in (("question", "no column question; it has q, a"), ("q", "No training rows are left of 1")):
        mix = [{"hub": "some/set", "columns": {"question": column, "answer": "a"}}]
        with pytest.raises(UserError, match=said):
            bench.run("data", {"mix": mix})
    copied = [{"q": row["question"].upper(), "a": row["answer"]} for row in bench.held_out()]
    items.write(folder / "train.jsonl", copied + [{"q": f"Which is {i}?", "a": "1"} for i in range(99)])
    with pytest.raises(UserError, match=f"{len(copied)} of the {99 + len(copied)} rows of hub: some/set are items"):
        bench.run("data", {"mix": mix})
    bench.config.goal.deny = ["some/set"]
    with pytest.raises(UserError, match="denied"):
        bench.run("data", {"mix": mix})


@pytest.mark.parametrize("style", ["solution", "answer"])
def test_synthetic(bench: Bench, style: str) -> None:
    """Train items alone, with the working or the answer line, added to the rows so far."""
    before = bench.run("data", {"rows": 10}) / "rows.jsonl"
    for seed in range(3):
        out = bench.run("synthetic", {"rows": 90, "style": style}, seed, before)
        rows, told = items.read(out / "rows.jsonl"), json.loads((out / "cleaning.json").read_text())
        assert told["gathered"] == told["kept"] == 90 and list(told["held_out"]) == ["dev", "test"]
        assert len(rows) == 100 and {items.split_of(row["key"]) for row in rows} == {"train"}
        assert {row["key"] for row in rows}.isdisjoint(row["key"] for row in bench.held_out())
        assert sum(row["target"] == f"ANSWER: {row['answer']}" for row in rows) == (10 if style == "solution" else 100)
        assert all(row["target"].endswith(f"ANSWER: {row['answer']}") for row in rows)


def test_texts_without_questions(bench: Bench) -> None:
    """Are trained on as they are; nothing can be sampled for them, which is said."""
    text = {"question": "", "answer": ""}
    rows = [{**text, "target": f"A text on {i}.", "key": f"{i}", "bare": f"A text on {i}."} for i in range(24)]
    place = bench.folder / "texts.jsonl"
    items.write(place, rows)
    assert len([row for row in metrics(bench.run("sft", SHORT, rows=place)) if "loss" in row]) == 3
    with pytest.raises(UserError, match="No row has a question to which grpo could sample answers"):
        bench.run("grpo", rows=place)


@pytest.mark.parametrize("rank", [None, 4])
def test_sft(bench: Bench, sums: Path, random_model: Path, rank: int | None) -> None:
    """A plain checkpoint, merged where LoRA trained it, and a row per step."""
    out = bench.run("sft", SHORT, rows=sums, lora=rank)
    plain(out, random_model)
    assert [row["step"] for row in metrics(out) if "loss" in row] == [1, 2, 3]
    logged = metrics(out)
    assert all(math.isfinite(row["loss"]) for row in logged if "loss" in row)
    assert logged[0]["target_parse_rate"] == logged[0]["target_score"] == 1.0 and logged[0]["step"] == 0
    assert all("mean_token_accuracy" in row for row in logged if "loss" in row)  # logged in training mode
    looks = [row for row in logged if "canaries" in row]
    assert [row["step"] for row in looks] == [row["step"] for row in logged if "eval_loss" in row] == [0, 1, 2, 3]
    assert all(row["canaries"] == len(row["right"]) == 3 and 0 <= row["parse_rate"] <= 1 for row in looks)


def test_loss_on_completions_only(bench: Bench, sums: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels are the targets and their end of turn, nothing of the prompts; three rows are held back."""
    from intern.stages import _trainer

    seen = []
    monkeypatch.setattr(_trainer, "fit", lambda trainer, *_: seen.append(trainer))
    bench.run("sft", SHORT, rows=sums)
    tokenizer = seen[0].processing_class
    labels = [row[row != -100] for batch in seen[0].get_train_dataloader() for row in batch["labels"]]
    learnt = sorted(tokenizer.decode(label).rstrip("\n") for label in labels)
    assert learnt == sorted(row["target"] + "<|im_end|>" for row in items.read(sums)[3:])


@pytest.mark.parametrize("damaged", [False, True])
def test_sft_goes_on_where_it_was_stopped(
    bench: Bench, sums: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damaged: bool
) -> None:
    """Stopped at step 3 with a checkpoint at 2: each step is logged once, tokens are counted on, the weights are those
    of a straight run. A checkpoint that is damaged is not built upon: the stage starts anew."""
    from intern.stages import _watch

    class Dies(_watch.Watch):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            super().on_log(args, state, control, logs)
            if "loss" in logs and state.global_step == 3:
                raise KeyboardInterrupt

    five = {**SHORT, "max_steps": 5}
    straight = bench.run("sft", five, rows=sums)
    monkeypatch.setattr(_watch, "Watch", Dies)
    out = bench.folder / "stopped"
    out.mkdir()
    with pytest.raises(KeyboardInterrupt):
        bench.again("sft", out, five, rows=sums)
    monkeypatch.undo()
    assert [row["step"] for row in metrics(out) if "loss" in row] == [1, 2, 3]
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "sft", "st')
    (last,) = (out / "partial").glob("checkpoint-*")
    if damaged:
        weights = last / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-9] + b"\0" * 9)
    capsys.readouterr()
    bench.again("sft", out, five, rows=sums)
    told = f"the trainer's {last.name} is not used: model.safetensors has changed"
    assert (told in capsys.readouterr().out) == damaged
    assert [row["step"] for row in metrics(out) if "loss" in row] == [1, 2, 3, 4, 5]
    assert untimed(out) == untimed(straight)
    assert same(out, straight)


def untimed(out: Path) -> list[dict[str, Any]]:
    """What a stage logged, but for what its clock says."""
    clock = ("_seconds", "_looks")
    return [{key: value for key, value in row.items() if not key.endswith(clock)} for row in metrics(out)]


@pytest.mark.parametrize(("file", "what"), [("chat_template.jinja", "chat template"), ("config.json", "architecture")])
def test_an_export_of_another_kind_is_refused(tmp_path: Path, random_model: Path, file: str, what: str) -> None:
    """It is compared with the study's base, not with the checkpoint that it copies."""
    bench = Bench(tmp_path, random_model)
    bench.run("export")
    bench.base, bench.model = bench.model, tmp_path / "other"
    shutil.copytree(random_model, bench.model)
    text = (bench.model / file).read_text()
    changed = text.replace("Qwen3ForCausalLM", "Other").replace("<|im_start|>", "<|im_end|>")
    (bench.model / file).write_text(changed)
    with pytest.raises(ValueError, match=f"the {what} of the export differs"):
        bench.run("export")


def test_an_export_is_clean(tmp_path: Path, random_model: Path) -> None:
    """Of a checkpoint the files that a model needs, without keys that name code or places of this machine."""
    bench = Bench(tmp_path, random_model)
    bench.base, bench.model = bench.model, tmp_path / "other"
    shutil.copytree(random_model, bench.model)
    more = {"auto_map": {"AutoConfig": "evil.Evil"}, "_name_or_path": str(tmp_path), "custom_pipelines": {"a": {}}}
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        own = json.loads((bench.model / name).read_text())
        (bench.model / name).write_text(json.dumps({**own, **more, "part": [{"kept": 1, **more}]}))
    for name in ("evil.py", "pytorch_model.bin", "cut.json", "metrics.jsonl", "training_args.bin"):
        (bench.model / name).write_text("x")
    out = bench.run("export")
    names = {path.name for path in random_model.iterdir()}
    assert {path.name for path in out.iterdir()} == {*names, "recipe.yaml"}
    for name in names - {"model.safetensors", "tokenizer.json"}:
        text = (out / name).read_text()
        assert not any(key in text for key in more) and str(tmp_path) not in text
    for name in ("config.json", "tokenizer_config.json"):
        own = json.loads((random_model / name).read_text())
        assert json.loads((out / name).read_text()) == {**own, "part": [{"kept": 1}]}


@pytest.mark.parametrize("name", ["score", "sft", "export"])
def test_a_pickle_is_never_loaded(tmp_path: Path, random_model: Path, sums: Path, name: str) -> None:
    """Whatever else lies in the folder: no stage takes pytorch_model.bin, though transformers would."""
    import torch

    pickled = tmp_path / "pickled"
    shutil.copytree(random_model, pickled)
    torch.save(weights(pickled), pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").rename(pickled / "decoy.safetensors")
    other = Bench(tmp_path / "bench", random_model)
    other.base, other.model = random_model, pickled
    with pytest.raises(OSError, match="no file named model.safetensors"):
        other.run(name, SHORT if name == "sft" else None, rows=sums)


@pytest.mark.parametrize("beta", [0.0, 0.04])
def test_grpo(tmp_path: Path, beta: float) -> None:
    """A plain checkpoint; two rewards in their weights; a KL term where there is a beta."""
    bench = Bench(tmp_path, TINY)
    rows = bench.run("data", {"rows": 20}, 1) / "rows.jsonl"
    rewards = {"goal": 1.0, "answer_line": 0.5}
    out = bench.run("grpo", {**GROUPS, "beta": beta}, rows=rows, rewards=rewards)
    plain(out, TINY)
    logged = [row for row in metrics(out) if "reward" in row]
    assert [row["step"] for row in logged] == [1, 2] and all(("kl" in row) == bool(beta) for row in logged)
    looks = [row for row in metrics(out) if "right" in row]  # one of twenty prompts is held back
    assert [row["step"] for row in looks] == [0, 1, 2] and all(row["right"] in ("0", "1") for row in looks)
    for row in logged:
        weighed = row["rewards/exact_answer/mean"] + 0.5 * row["rewards/answer_line/mean"]
        assert row["reward"] == pytest.approx(weighed, abs=1e-6)
    assert any(row["rewards/answer_line/mean"] > 0 for row in logged)


def test_no_rollouts_of_what_is_held_back(bench: Bench, sums: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of sixty prompts are looked at, the others are trained on; without diagnosis nothing is looked at."""
    from intern.stages import _trainer

    seen = []
    monkeypatch.setattr(_trainer, "fit", lambda trainer, _task, watch: seen.append((trainer, watch)))
    for diagnose in (True, False):
        bench.config.diagnose = diagnose
        bench.run("grpo", GROUPS, rows=sums)
    (trainer, watch), (_, blind) = seen
    asked = [row["question"] for row in items.read(sums)]
    assert trainer.train_dataset["question"] == asked[3:] and blind.held_out is None
    assert [row["question"] for row in watch.held_out.rows] == asked[:3]


def test_score(tmp_path: Path) -> None:
    """Value and standard error are those of the samples, one per item, in order; a second score is the same."""
    bench = Bench(tmp_path, TINY)
    out, again = (bench.run("score", {"split": "dev"}) for _ in range(2))
    (score,) = json.loads((out / "scores.json").read_text())
    samples = items.read(out / "samples.jsonl")
    values = [row["value"] for row in samples]
    assert [row["doc_id"] for row in samples] == list(range(24))
    assert [row["target"] for row in samples] == [row["target"] for row in items.read(tmp_path / "items" / "dev.jsonl")]
    assert (score["task"], score["split"], score["metric"]) == ("sums", "dev", "exact_match")
    assert (score["n"], score["shots"]) == (24, 0)
    assert score["value"] == pytest.approx(mean(values))
    assert score["stderr"] == pytest.approx(stdev(values) / math.sqrt(24))
    assert score["parse_rate"] == mean(row["parsed"] for row in samples)
    assert score["truncation_rate"] == mean(row["truncated"] for row in samples)
    for name in ("samples.jsonl", "scores.json"):
        assert (out / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize("shots", [0, 2])
def test_score_of_a_model_that_never_answers(bench: Bench, shots: int) -> None:
    """Nothing parsed, everything cut, nothing right."""
    bench.config.goal.max_new_tokens = 4
    (score,) = json.loads((bench.run("score", {"split": "test", "shots": shots}) / "scores.json").read_text())
    assert (score["n"], score["shots"]) == (12, shots)
    assert (score["value"], score["stderr"], score["parse_rate"], score["truncation_rate"]) == (0.0, 0.0, 0.0, 1.0)


def test_one_item_is_too_few(tmp_path: Path, random_model: Path) -> None:
    """lm-eval gives no standard error for one item; the person is told."""
    bench = Bench(tmp_path, random_model, Goal("sums", generator="arithmetic", dev_items=1, max_new_tokens=4))
    with pytest.raises(UserError, match="has 1 dev items"):
        bench.run("score", {"split": "dev"})
