"""The table tests/streams.jsonl.gz: what the training stages log on real models, for the test that replays it through
the diagnosis rules.

losses    the loss of a model that does not change, for each of some rows of real or generated text
groups    what such a model writes for some prompts, several completions each, and what they earn
run       a training run, healthy or with a planted fault, to its end: the rules are silent while it is made

Of the first two, tests/streams.py draws streams of any batch size. Every third entry of a sort is marked `kept`: no
rule was adjusted with these in sight. What is there already is not made again. About 25 minutes on one core:

    python scripts/make_streams.py outputs/streams --smol PATH_OF_A_CHAT_MODEL --data DIR_OF_GSM8K_AND_SVAMP"""

import argparse
import gzip
import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from intern import rewards, scratch
from intern.config import library, schema, strict_yaml, typed
from intern.config.schema import Compute, Config, Goal, Model
from intern.config.stages import stage
from intern.data import items
from intern.records import Diagnosis
from intern.stages import Task, _probe

TABLE = schema.ROOT / "tests" / "streams.jsonl.gz"
TINY = schema.ROOT / "intern" / "models" / "tiny"
GOALS = {"arithmetic": 40, "mixed": 48, "sorting": 72, "stories": 80}  # longest answers, as in conf/goal
RUN = ("arithmetic", "mixed", "sorting")  # trained on: those of short answers
ASK = "\nEnd with a line ANSWER: and the number."
LONGEST = 480  # tokens: the embedded model reads 512
READ = ("loss", "grad_norm", "entropy", "epoch", "reward", "kl", "frac_reward_zero_std", "parse_rate", "repetition")
READ += ("completions/mean_length", "completions/clipped_ratio", "eval_loss", "eval_mean_token_accuracy")
READ += ("canaries", "right", "truncation", "target_parse_rate", "target_score", "step", "steps", "stage")
COLUMNS = ("reward", "parsed", "loops", "cut", "tokens", "entropy")
LENGTH = '''"""Length: a reward that anyone can earn by writing on."""


def outcome(text, row):
    """Return the length in characters, of 200."""
    return min(1.0, len(text) / 200)
'''
Entry = dict[str, Any]


def goal_of(name: str) -> Goal:
    """Return an embedded goal, or one of a person's own files."""
    if name in GOALS:
        return Goal(name, generator=name, max_new_tokens=GOALS[name])
    return Goal(name, data_dir="there", max_new_tokens=24)


def rows_of(name: str, data: Path, count: int, style: str = "solution") -> list[items.Row]:
    """Return training rows of a goal; those of gsm8k and svamp are asked for the answer line and have it."""
    goal = goal_of(name)
    if name in GOALS:
        drawn = items.take(items.generated(goal, "train", 0), count)
        return [{**row, "target": row["solution"] if style == "solution" else row["target"]} for row in drawn]
    rows = []
    for raw in items.read(data / name / "train.jsonl")[:count]:
        working, _, answer = raw["answer"].rpartition("#### ")
        target = f"{working}ANSWER: {answer}"
        rows.append(items.row(goal, {"question": raw["question"] + ASK, "answer": answer, "target": target}))
    return rows


def loaded(folder: Path) -> tuple[Any, Any]:
    """Return (model, tokenizer) of a folder."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def prompt_of(tokenizer: Any, row: items.Row) -> list[int]:
    """Return the tokens of a question in the model's chat template."""
    chat = [{"role": "user", "content": row["question"]}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def losses(folder: Path, what: str, data: Path, count: int) -> Entry:
    """Return the mean loss and the number of target tokens of the first rows of a goal that fit."""
    import torch

    model, tokenizer = loaded(folder)
    found: list[tuple[float, int]] = []
    for row in rows_of(what, data, 2000):
        asked = prompt_of(tokenizer, row)
        told = [*tokenizer(row["target"], add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        if len(asked) + len(told) > LONGEST:
            continue
        ids = torch.tensor([asked + told])
        with torch.no_grad():
            logits = model(ids).logits[0, len(asked) - 1 : -1]
        found.append((float(torch.nn.functional.cross_entropy(logits, ids[0, len(asked) :])), len(told)))
        if len(found) == count:
            break
    return {"loss": [round(value, 4) for value, _ in found], "tokens": [tokens for _, tokens in found]}


def sampled(folder: Path, goal: str, data: Path, longest: int) -> Entry:
    """Return what a model in a folder writes for some rows of a goal."""
    return groups(folder, goal_of(goal), rows_of(goal, data, 400), 32, 8, longest)


def groups(folder: Path, goal: Goal, rows: list[items.Row], count: int, size: int, longest: int) -> Entry:
    """Return what the model writes, at temperature 1, for the first rows: a list for each prompt of each metric."""
    import torch

    model, tokenizer = loaded(folder)
    torch.manual_seed(0)
    outcome = rewards.scorer(goal)
    columns: dict[str, list[list[float]]] = {key: [] for key in COLUMNS}
    for row in rows[:count]:
        asked = torch.tensor([prompt_of(tokenizer, row)] * size)
        with torch.no_grad():
            whole = model.generate(
                asked, max_new_tokens=longest, do_sample=True, top_k=0,
                eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
            shares = model(whole).logits[:, asked.shape[1] - 1 : -1].log_softmax(-1)
        made = whole[:, asked.shape[1] :]
        ended = (made == tokenizer.eos_token_id).any(dim=1)
        lengths = torch.where(ended, (made == tokenizer.eos_token_id).int().argmax(dim=1) + 1, made.shape[1])
        entropy = -(shares.exp() * shares).sum(-1)
        texts = tokenizer.batch_decode(made, skip_special_tokens=True)
        judged = [outcome(text, row) for text in texts]
        columns["reward"].append([value or 0.0 for value in judged])
        columns["parsed"].append([float(value is not None) for value in judged])
        columns["loops"].append([float(_probe.loops(text)) for text in texts])
        columns["cut"].append([float(not one) for one in ended.tolist()])
        columns["tokens"].append(lengths.tolist())
        columns["entropy"].append([round(float(e[:n].mean()), 4) for e, n in zip(entropy, lengths, strict=True)])
    return columns


def run(
    folder: Path, model: Path, name: str, tree: Entry, data: Path, change: Any = list, n: int = 2000, until: float = 1.0
) -> Entry:
    """Train on `n` changed rows of a goal, to a share of the steps, and return what was logged."""
    from intern.stages import _watch

    goal, rows = goal_of(name), change(rows_of(name, data, n))
    _watch.diagnosis = SimpleNamespace(check=partial(over, until))  # type: ignore[assignment]
    shutil.rmtree(folder, ignore_errors=True)
    recipe, faults = typed.recipe(tree)
    assert not faults, faults
    (section,) = recipe.stages
    out = folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    items.write(folder / "rows.jsonl", rows)
    base = Model("local", str(model), dtype="float32", eos_token="<|im_end|>", context=512)
    unpriced = Compute("local", checkpoint_minutes=1e6, look_share=1e6)
    config = Config(goal=goal, model=base, compute=unpriced, recipe=recipe)
    settings, rows_file = getattr(recipe, section), folder / "rows.jsonl"
    stage(recipe.kinds[section]).run(Task(section, settings, config, str(model), str(model), rows_file, folder, 0, out))
    logged = items.read(out / "metrics.jsonl")
    kept = [{key: tidy(value) for key, value in row.items() if key in READ} for row in logged]
    return {"recipe": tree, "rows": kept}


def over(until: float, name: str, rows: Any, config: Config) -> Diagnosis | None:
    """Stop a run in the rules' place, where it has shown enough; the rules are silent."""
    step, steps = rows[-1]["step"], rows[-1]["steps"]
    return Diagnosis("over", name, step, "", ()) if steps * until <= step < steps else None


def tidy(value: Any) -> Any:
    """Return a number with four digits."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def recipe_of(name: str, **changes: Any) -> Entry:
    """Return a stock recipe's training stage alone, with some of its settings changed."""
    raw = strict_yaml.read(library.FOLDER / "generated" / f"{name}.yaml")
    rest = {key: raw[key] for key in ("rewards",) if key in raw}
    return {"stages": [name], name: {**raw[name], **changes}, **rest}


def poisoned(rows: list[items.Row]) -> list[items.Row]:
    """Return the rows with a wrong answer in half of their targets."""
    rng = random.Random(0)
    return [{**row, "target": "ANSWER: 1 2 3"} if rng.random() < 0.5 else row for row in rows]


def unmarked(rows: list[items.Row]) -> list[items.Row]:
    """Return the rows with targets that lack the answer line."""
    return [{**row, "target": row["target"].replace("ANSWER:", "It is")} for row in rows]


Job = tuple[str, str, str, Callable[[], Entry]]  # sort, name, planted fault, what makes it


def jobs(out: Path, smol: Path | None, data: Path) -> Iterator[Job]:
    """Yield every entry, those that others start from first."""
    nothing = out / "random"
    if not (nothing / "config.json").exists():
        tokenizer = scratch.tokenizer()
        shape = {"hidden": 32, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 64, "positions": 512}
        scratch.save(scratch.qwen3(tokenizer, **shape, seed=0), tokenizer, nothing)
    models = {"tiny": TINY, "random": nothing} | ({"smol": smol} if smol else {})
    for name, folder in models.items():
        for what in (*GOALS, "gsm8k", "svamp"):
            count = 64 if name == "smol" else 256
            yield "losses", f"{name}/{what}", "", partial(losses, folder, what, data, count)

    def trained(case: str, model: Path, goal: str, tree: Entry, fault: str = "", **more: Any) -> Job:
        return "run", case, fault, partial(run, out / "runs" / case.replace("/", "-"), model, goal, tree, data, **more)

    def after(goal: str) -> Path:
        return out / "runs" / f"sft-{goal}" / "out"

    gentle = {"per_device_train_batch_size": 4, "learning_rate": 3e-4, "logging_steps": 1}
    lone = {"per_device_train_batch_size": 8, "learning_rate": 5e-6, "logging_steps": 1, "max_steps": 40}
    for goal in RUN:
        yield trained(f"sft/{goal}", TINY, goal, recipe_of("sft"))
    for name, shorter in (("tiny", 1), ("sft", 1), ("sft-cut", 2)):
        for goal in RUN:
            folder = TINY if name == "tiny" else after(goal)
            yield "groups", f"{name}/{goal}", "", partial(sampled, folder, goal, data, GOALS[goal] // shorter)
        if name == "tiny":
            yield "groups", "random/mixed", "", partial(sampled, nothing, "mixed", data, GOALS["mixed"])
    two, eight = recipe_of("sft", max_steps=2), recipe_of("grpo", max_completion_length=8)
    unjudged = {**recipe_of("grpo", max_steps=8), "rewards": {"prefix_equation": 1.0}}
    paid = {**recipe_of("grpo", learning_rate=2e-4), "rewards": {"length": 1.0}}
    for goal in RUN:
        yield trained(f"sft-rate/{goal}", TINY, goal, recipe_of("sft", learning_rate=1e-2), "rate", until=0.5)
    for goal in ("mixed", "arithmetic"):
        yield trained(f"sft-poisoned/{goal}", TINY, goal, two, "targets", change=poisoned)
        yield trained(f"grpo-rate/{goal}", TINY, goal, recipe_of("grpo", learning_rate=5e-4), "rate")
        yield trained(f"grpo/{goal}", TINY, goal, recipe_of("grpo"))
        yield trained(f"grpo-long/{goal}", TINY, goal, eight, "long", until=0.6)
        yield trained(f"sft-random/{goal}", nothing, goal, recipe_of("sft", learning_rate=1e-2))
        yield trained(f"sft-batch4/{goal}", TINY, goal, recipe_of("sft", **gentle))
        yield trained(f"grpo-lone/{goal}", TINY, goal, recipe_of("grpo", **lone))
        yield trained(f"grpo-paid/{goal}", TINY, goal, paid, "length")
    if smol:
        short = {"per_device_train_batch_size": 4, "max_steps": 24, "logging_steps": 1, "max_length": 256}
        for case, rate, fault, until in (("smol-sft", 1e-3, "", 1.0), ("smol-sft-rate", 3e-2, "rate", 0.5)):
            tree = {**recipe_of("sft", learning_rate=rate, **short), "lora": 16}
            yield trained(f"{case}/svamp", smol, "svamp", tree, fault, n=240, until=until)
    for goal in ("arithmetic", "mixed"):
        fast = recipe_of("grpo", learning_rate=5e-4)
        yield trained(f"grpo-after-rate/{goal}", after(goal), goal, fast, "rate", until=0.6)
    yield trained("grpo-unjudged/mixed", TINY, "mixed", unjudged, "unjudged", until=0.6)
    yield trained("sft-unmarked/mixed", TINY, "mixed", two, "unmarked", change=unmarked)
    yield trained("grpo-after/mixed", after("mixed"), "mixed", recipe_of("grpo", max_steps=12))
    tight = recipe_of("grpo", max_completion_length=22, max_steps=30)  # under every answer
    yield trained("grpo-tight/arithmetic", after("arithmetic"), "arithmetic", tight, "long")
    loose = recipe_of("grpo", max_completion_length=36, max_steps=30)  # over two of five
    yield trained("grpo-loose/sorting", after("sorting"), "sorting", loose)


def main() -> None:
    """Make what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--smol", type=Path, help="a chat model of some hundred million parameters")
    parser.add_argument("--data", type=Path, required=True, help="folder with gsm8k/ and svamp/")
    parser.add_argument("--table", action="store_true", help="make nothing; write the table of what is there")
    args = parser.parse_args()
    out = args.out.resolve()
    prepare(out)
    seen: Counter[tuple[str, bool]] = Counter()
    lines = []
    for sort, name, fault, make in jobs(out, args.smol, args.data):
        path = out / "made" / f"{sort}-{name.replace('/', '-')}.json"
        kind = sort, bool(fault)
        seen[kind] += 1
        if not path.exists() and not args.table:
            begun = time.monotonic()
            path.write_text(json.dumps(make()))
            print(f"{sort} {name}: {time.monotonic() - begun:.0f} s", flush=True)
        if path.exists():
            about = {"sort": sort, "name": name, "fault": fault, "kept": seen[kind] % 3 == 0}
            lines.append(json.dumps({**about, **json.loads(path.read_text())}, separators=(",", ":")) + "\n")
    TABLE.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    print(f"{TABLE}: {len(lines)} entries, {TABLE.stat().st_size / 1000:.0f} kB")


def prepare(out: Path) -> None:
    """Lay out the folder and add the reward that is planted."""
    own = out / "plugins" / "rewards"
    own.mkdir(parents=True, exist_ok=True)
    (own / "length.py").write_text(LENGTH)
    (out / "made").mkdir(exist_ok=True)
    os.environ["INTERN_PLUGINS"] = str(own.parent)


if __name__ == "__main__":
    main()
