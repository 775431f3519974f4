"""The science goal as it would run on a GPU, on stand-ins of the same columns: every task of dev and test, zero- and
few-shot, and the recipe of multiple choice, by config alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from intern.config.column import Unmade
from intern.config.schema import ROOT, Goal
from intern.data import items
from intern.data.columns import Columns

ITEMS = 8
SHORT = "Which item do both sets hold?"
LONG = "If a sealed flask holds two moles of a gas at three bar and its walls are heated twice, what will happen"


def question(split: str, i: int) -> str:
    """A question that no other split has."""
    return f"In {split}, what is thing number {i}?"


def arc(split: str) -> list[dict[str, Any]]:
    """ARC's columns; some items carry digits for letters, as some of its own do."""
    labels = ["1", "2", "3", "4"]
    return [
        {"id": f"{split}{i}", "question": SHORT if (split, i) == ("test", 3) else question(f"arc {split}", i),
         "choices": {"text": [f"{split} {i + j}" for j in range(4)], "label": labels if i % 3 == 0 else list("ABCD")},
         "answerKey": labels[i % 4] if i % 3 == 0 else "ABCD"[i % 4]}
        for i in range(ITEMS)
    ]  # fmt: skip


def sciq(split: str) -> list[dict[str, Any]]:
    """SciQ's columns."""
    return [
        {"question": question(f"sciq {split}", i), "distractor1": f"no {i}", "distractor2": f"not {i}",
         "distractor3": f"never {i}", "correct_answer": f"yes {i}", "support": f"It is yes {i}."}
        for i in range(ITEMS)
    ]  # fmt: skip


def openbookqa(split: str) -> list[dict[str, Any]]:
    """OpenBookQA's columns."""
    return [
        {"id": f"{split}{i}", "question_stem": question(f"book {split}", i),
         "choices": {"text": [f"page {i + j}" for j in range(4)], "label": list("ABCD")}, "answerKey": "ABCD"[i % 4]}
        for i in range(ITEMS)
    ]  # fmt: skip


def gpqa(split: str) -> list[dict[str, Any]]:
    """GPQA's columns, as far as lm-eval reads them."""
    return [
        {"Question": f"{LONG} in case {i}?", "Correct Answer": f"right {i}",
         **{f"Incorrect Answer {n}": f"wrong {i}-{n}" for n in (1, 2, 3)}}
        for i in range(ITEMS)
    ]  # fmt: skip


def mmlu(split: str) -> list[dict[str, Any]]:
    """MMLU's columns, the first two rows contaminated: by a long run of words, and by a short question."""
    asked = [f"{LONG} to it?", f" {SHORT.upper()}", *(question("mmlu", i) for i in range(20))]
    return [
        {"question": text, "subject": "physics", "choices": [f"pick {i + j}" for j in range(4)], "answer": i % 4}
        for i, text in enumerate(asked)
    ]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder of Hub data sets, each a README that names its files and the files themselves."""
    from datasets import Dataset

    sets = {
        "allenai/ai2_arc": ("ARC-Challenge", ("train", "validation", "test"), arc),
        "allenai/sciq": ("default", ("train", "validation", "test"), sciq),
        "allenai/openbookqa": ("main", ("train", "validation", "test"), openbookqa),
        "Idavidrein/gpqa": ("gpqa_main", ("train",), gpqa),
        "cais/mmlu": ("all", ("auxiliary_train",), mmlu),
    }
    for name, (config, splits, rows) in sets.items():
        folder = tmp_path / "mirror" / name
        for split in splits:
            Dataset.from_list(rows(split)).to_parquet(folder / config / f"{split}.parquet")
        files = "".join(f"  - split: {split}\n    path: {config}/{split}.parquet\n" for split in splits)
        (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{files}---\n")
    return tmp_path / "mirror"


@pytest.mark.slow
def test_the_whole_composition(tmp_path: Path, random_model: Path, mirror: Path) -> None:
    """Baseline on all dev and test tasks, zero- and few-shot; one trial, trained on clean rows; a paired verdict."""
    words = [
        *("goal=sci_reasoning", "model=qwen3-1.7b", "recipe=science/mcq_format", f"model.path={random_model}"),
        *(f"compute.mirror={mirror}", "compute.threads=1", "proposer=fixed", "proposer.confirm=true", "study=sci"),
        *("model.context=2048", "goal.test.1.max_new_tokens=8", "recipe.sft.max_steps=3"),
    ]  # fmt: skip
    done = intern(words, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = intern(["trials", "outputs/sci", "--json"], tmp_path).stdout
    baseline, trial, *_ = json.loads(shown)
    tasks = {"dev": ("arc_challenge_chat", "sciq", "openbookqa"),
             "test": ("gpqa_main_zeroshot", "gpqa_main_cot_zeroshot")}  # fmt: skip
    wanted = {(split, task, shots) for split, names in tasks.items() for task in names for shots in (0, 3)}
    assert {(s["split"], s["task"], s["shots"]) for s in baseline["scores"]} == wanted
    assert all(s["n"] == ITEMS for s in baseline["scores"])
    assert trial["state"] == "COMPLETE" and trial["verdict"]
    assert [s["task"] for s in trial["scores"]] == list(tasks["dev"])
    outputs = {row["stage"]: tmp_path / "outputs" / "sci" / "store" / row["out"] for row in trial["stages"]}
    rows = items.read(outputs["data"] / "rows.jsonl")
    assert len(rows) == 20 + ITEMS
    assert not any(LONG in row["question"] or SHORT.casefold() in row["question"].casefold() for row in rows)
    assert all(row["target"] == f"The answer is ({row['answer']}).\nANSWER: {row['answer']}" for row in rows)
    assert {row["answer"] for row in rows if "arc" in row["question"]} == set("ABCD")


def intern(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command line, offline, with a cache of its own."""
    env = {**os.environ, "HF_DATASETS_CACHE": str(cwd / "cache"), "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "intern", *words], cwd=cwd, env=env, capture_output=True, text=True)


def test_every_task_of_the_goal_is_as_lm_eval_has_it() -> None:
    """Names, metrics and filters of the goal's YAML against the installed lm-eval."""
    import lm_eval.tasks
    import yaml
    from lm_eval.tasks._yaml_loader import load_yaml

    goal = yaml.safe_load((ROOT / "conf" / "goal" / "sci_reasoning.yaml").read_text())
    for task in goal["dev"] + goal["test"]:
        found = load_yaml(Path(lm_eval.tasks.__file__).parent / task["folder"] / f"{task['name']}.yaml")
        assert task["metric"] in [metric["metric"] for metric in found["metric_list"]]
        assert task.get("filter", "none") in [f["name"] for f in found.get("filter_list", [{"name": "none"}])]
        assert found["dataset_path"] in [*goal["deny"], "allenai/ai2_arc"]


@pytest.mark.slow
def test_gpqa_has_the_same_choices_in_every_process(tmp_path: Path, mirror: Path) -> None:
    """lm-eval shuffles them with the global generator: paired comparison needs the same item each time."""
    code = (
        "import random, sys; random.seed(int(sys.argv[2]))\n"
        "from pathlib import Path; from intern.data import tasks; from intern.config.schema import Task\n"
        "task = Task('gpqa_main_zeroshot', 'gpqa/zeroshot', 'acc')\n"
        "loaded = tasks.bundled(task, '<end>', sys.argv[1])\n"
        "print([doc['answer'] for doc in loaded.eval_docs])"
    )
    env = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    words = [sys.executable, "-c", code, str(mirror)]
    said = {subprocess.check_output([*words, seed], cwd=ROOT, env=env, text=True) for seed in "12"}
    assert len(said) == 1 and "(" in said.pop()


@pytest.mark.parametrize(
    ("answer", "labels", "letter"),
    [(2, None, "C"), ("B", None, "B"), ("3", ["1", "2", "3"], "C"), ("b", ["a", "b", "c"], "B"), ("AB", None, None),
     ("E", None, None), (3, None, None), (-1, None, None)],
)  # fmt: skip
def test_an_answer_is_found_among_its_choices(answer: int | str, labels: list[str] | None, letter: str | None) -> None:
    """By place, by letter, by label; a row whose answer is none of its choices is no row."""
    columns = {"question": "q", "choices": "c", "answer": "a"} | ({"labels": "l"} if labels else {})
    item = {"q": "?", "c": ["x", "y", "z"], "a": answer, "l": labels}
    if letter is None:
        with pytest.raises(Unmade, match="the answer is not among the choices"):
            Columns("mcq", columns).row(Goal(), item)
    else:
        assert Columns("mcq", columns).row(Goal(), item)["answer"] == letter
