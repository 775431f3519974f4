"""A person's items before the baseline: unreadable targets, scorers that fail, answers that would be cut, few items."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from test_local import TEST, TRAIN, ask, written

from intern import records
from intern.config import schema
from intern.config.gate import Scope
from intern.config.schema import Config, Goal, Model
from intern.data import checks, items, tokens
from intern.data.items import Row
from intern.errors import UserError
from intern.report.live import Screen
from intern.study import identity
from intern.study.events import Noted
from intern.study.identity import Inputs
from intern.trial.store import LocalStore

TINY = schema.ROOT / "intern" / "models" / "tiny"
GOAL = Goal("g", max_new_tokens=10)


def rows_of(*values: Row) -> dict[str, list[Row]]:
    """The same rows for every split."""
    return dict.fromkeys(("train", "dev", "test"), [items.row(GOAL, value) for value in values])


def words(texts: Sequence[str]) -> list[int]:
    """A tokenizer whose tokens are words."""
    return [len(text.split()) for text in texts]


def test_rows_are_shown_with_what_the_scorer_makes_of_them() -> None:
    """The first three of dev, and nothing else where nothing is wrong."""
    told = checks.check(GOAL, rows_of(*(ask(i) for i in range(5))), words)
    assert told == [
        f"dev: “Which is {i}?” with answer '{i}' and target “ANSWER: {i}”: the scorer finds it right" for i in range(3)
    ]


def test_targets_that_the_scorer_does_not_find_right() -> None:
    """Count, share and an example for each split; those without an answer are told apart."""
    values = [ask(1, target="It is 1."), ask(2, target="ANSWER: 3"), ask(3), ask(4, target="ANSWER: 4")]
    told = checks.check(GOAL, {**rows_of(*values), "test": rows_of(ask(1))["test"]}, words)
    assert [line.partition(":")[0] for line in told] == ["train", "dev", "dev", "dev", "dev"]
    assert told[0] == (
        "train: the scorer exact_answer does not find the answer in 2 of 4 targets (50.0%; in 1 of them it finds "
        "none); a recipe's answer_line=true ends them with the line that it reads; such as “Which is 1?” with answer "
        "'1' and target “It is 1.”"
    )
    assert told[2].endswith("the scorer finds no answer in it") and told[3].endswith("the scorer finds it wrong")


def test_targets_that_are_of_another_form_altogether() -> None:
    """One line for all splits: nothing is wrong with single rows."""
    told = checks.check(GOAL, rows_of(*(ask(i, target=f"+ {i} 0") for i in range(5))), words)
    assert told[0].startswith("the scorer exact_answer reads an answer in no target of train, dev, test: recipe.data.")
    assert len(told) == 4 and all(line.startswith("dev: “Which is") for line in told[1:])


def test_a_scorer_that_fails() -> None:
    """On an answer that it cannot read: it would fail in the baseline."""
    goal = replace(GOAL, scorer="prefix_equation")
    values = [{**ask(i), "target": "+ number0 1", "numbers": [str(i - 1)]} for i in range(4)]
    assert len(checks.check(goal, rows_of(*values), words)) == 3
    with pytest.raises(UserError, match=r"fails on 3 of 15 rows, such as “Which is 9\?” with answer '\$9'.*ValueError"):
        checks.check(goal, rows_of(*values, {**values[0], **ask(9, answer="$9")}), words)


def test_lists_of_answers_need_a_scorer_that_reads_them() -> None:
    """The one of answer lines does; the one of equations is refused for them."""
    values = [ask(1, answer=["1", "one"])]
    assert len(checks.check(GOAL, rows_of(*values), words)) == 1
    equations = [{**values[0], "target": "+ number0 1", "numbers": ["0"]}]
    with pytest.raises(UserError, match="fails on 3 of 3|answers are lists"):
        checks.check(replace(GOAL, scorer="prefix_equation"), rows_of(*equations), words)


@pytest.mark.parametrize(("longer", "said"), [(0, None), (1, "10.0%"), (5, "50.0%"), (6, "refused")])
def test_targets_that_would_be_cut(longer: int, said: str | None) -> None:
    """Told for some, refused for more than half, with the limit that the 95th percentile needs; the end counts."""
    values = [ask(i, target=f"{'a ' * (28 if i < longer else 7)}ANSWER: {i}") for i in range(10)]  # and the end of turn
    rows = rows_of(*values)
    if said == "refused":
        with pytest.raises(UserError, match=r"^60.0% of the targets .*would be cut: goal.max_new_tokens=31.$"):
            checks.check(GOAL, rows, words)
        return
    told = [line for line in checks.check(GOAL, rows, words) if line.startswith("train")]
    assert len(told) == (said is not None)
    if said:
        assert told[0].startswith(f"train: {said} of the targets of train are longer than an answer may be")
        assert "goal.max_new_tokens=10" in told[0] and "longest 31 tokens" in told[0]
        assert ("goal.max_new_tokens=31 would let 95 % through" in told[0]) == (longer == 5)
    assert not any(line.startswith("train") for line in checks.check(replace(GOAL, max_new_tokens=31), rows, words))


def test_many_rows_are_looked_at_here_and_there() -> None:
    """From the first to nearly the last, evenly."""
    rows = rows_of(*(ask(i) for i in range(3001)))["dev"]
    seen = [int(row["answer"]) for row in records.spread(rows, checks.MOST)]
    assert len(seen) == checks.MOST and seen[0] == 0 and seen[-1] == 2999 and seen == sorted(set(seen))
    assert records.spread(rows[:1999], checks.MOST) == rows[:1999]


def test_tokens_are_those_of_the_model() -> None:
    """By tokenizer.json alone, as transformers counts them, and without torch; a model without one is told."""
    from transformers import AutoTokenizer

    count = tokens.counter(Model("tiny", str(TINY)))
    texts = ["What is 1 + 2?", "ANSWER: 37", ""]
    assert count and count(texts) == [len(ids) for ids in AutoTokenizer.from_pretrained(TINY)(texts)["input_ids"]]
    code = (
        "import sys; from intern.config.schema import Model; from intern.data import checks, tokens\n"
        f"assert tokens.counter(Model('tiny', {str(TINY)!r}))(['1']); print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=schema.ROOT, text=True) == "False\n"


def test_a_model_without_a_tokenizer_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder that lacks it, nor one that is torn, nor a repository that cannot be reached stops anybody."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert tokens.counter(Model("m", str(tmp_path))) is None
    (tmp_path / "tokenizer.json").write_text("{}")
    assert tokens.counter(Model("m", str(tmp_path))) is None
    assert tokens.counter(Model("m", "nobody/nothing")) is None
    told = checks.check(GOAL, rows_of(ask(1)), None)
    assert told[0] == (
        "train: the model's tokenizer.json is not at hand: targets were not held against goal.max_new_tokens"
    )


def identify(folder: Path, data: Path, **goal: int) -> Inputs:
    """Identify a study on a person's files."""
    config = Config(goal=Goal("local", data_dir=str(data), **goal), model=Model("tiny", str(TINY)))
    return identity.identify(folder, Scope(config, {}), LocalStore(folder / "store"))


def test_a_study_is_told_once(tmp_path: Path) -> None:
    """When its items are first written; the same study again has nothing new to say."""
    data, study = tmp_path / "data", tmp_path / "study"
    data.mkdir()
    study.mkdir()
    written(data, train=TRAIN, test=TEST)
    first = identify(study, data)
    dev = len(items.read(study / "store" / first.items.address / "dev.jsonl"))
    assert first.notes[0].startswith(f"dev: {dev} items, carved from train.jsonl")
    assert dev >= 6
    assert first.notes[1] == f"dev: {dev} items are few: no gain can be proven in which fewer than 6 of them differ"
    assert len(first.notes) == 5
    again = identify(study, data)
    assert again == first and again.notes == ()


def test_a_study_that_is_refused_leaves_no_items(tmp_path: Path) -> None:
    """So that it is refused again, until the person has done what the message says."""
    data, study = tmp_path / "data", tmp_path / "study"
    data.mkdir()
    study.mkdir()
    written(data, train=[ask(i, target=f"{'1 + ' * 40}\nANSWER: {i}") for i in range(60)], test=TEST)
    for _ in range(2):
        with pytest.raises(UserError, match="goal.max_new_tokens=") as refused:
            identify(study, data)
        assert not (study / "study.json").exists() and not list((study / "store").glob("items-*"))
    fix = int(str(refused.value).rpartition("goal.max_new_tokens=")[2].rstrip("."))
    assert identify(study, data, max_new_tokens=fix).notes


@pytest.mark.parametrize("quiet", [False, True])
def test_the_terminal_shows_a_note(quiet: bool) -> None:
    """On one line, whatever stands in a person's rows, unless only the result is wanted."""
    file = StringIO()
    with Screen(Console(file=file, width=40), quiet) as screen:
        screen.show(Noted("dev: “[red]Which\x1b is it?” with answer '[1]' and a target that is long"))
    shown = "" if quiet else "dev: “[red]Which? is it?” with answer '[1]' and a target that is long\n"
    assert file.getvalue() == shown


@pytest.mark.parametrize(("dev", "told"), [(20, []), (19, ["are few"]), (6, ["are few"]), (5, ["are too few"])])
def test_few_dev_items(dev: int, told: list[str]) -> None:
    """Six must differ for the sign test: 2 * 0.5 ** 6 is below 0.05, 2 * 0.5 ** 5 is not."""
    lines = identity.few(dev)
    assert len(lines) == len(told)
    for line, part in zip(lines, told, strict=True):
        assert f"{dev} items {part}" in line and (" 6 of them differ" in line or ": 6 must differ" in line)
