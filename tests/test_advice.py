"""What to try next: each rule where it speaks and where it is silent, its words legal, on records and on a real run."""

import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import scope
from made import IDLE, recipe_of
from test_answers import row
from test_report import ITEMS, Study, logged, remedied

from intern import files
from intern.config.library import Library
from intern.config.schema import Compute, Config, Goal, Model, Proposer, Recipe, Task
from intern.overrides import Overrides
from intern.records import Trial, Verdict
from intern.report import advice, facts, text, words
from intern.report.advice import Advice
from intern.report.facts import Facts
from intern.stats import paired, power
from intern.study import run as studies
from intern.study.reader import Reader

TREE = {"stages": ["data", "sft"], "sft": {"max_steps": 60, "learning_rate": 1e-4}}
RATE, STEPS = "recipe.sft.learning_rate=", "recipe.sft.max_steps="
GOAL = Goal("sums", generator="arithmetic", dev_items=40, max_new_tokens=32)
BASE = [row(float(n < 8), f"base {n}", n) for n in range(40)]


def seen(rows: list[dict[str, Any]] | None = None, base: Any = BASE, tree: Any = TREE, **more: Any) -> Facts:
    """A study of one trial, which wrote the base's answers if nothing else is said."""
    rows = [row(float(n < 8), f"trial {n}", n) for n in range(len(base))] if rows is None else rows
    trial = Trial(1, "propose", "COMPLETE", recipe="x", verdict=paired.compare(rows, base, 0))
    parts = more.pop("goal", GOAL), Model("m", "nowhere"), recipe_of("x", **tree), Proposer("fixed")
    config = Config(*parts, compute=Compute("local"), study="x")
    known = {"trial": trial, "config": config, "metrics": {}, "notes": [], "tried": [trial]}
    return Facts(**{**known, "rows": rows, "base": base, "verdict": trial.verdict, **more})


def silent(share: int, text: str = "so long", **more: Any) -> list[dict[str, Any]]:
    """Forty outcomes, so many of them without an answer."""
    return [row(0.0, f"{text} {n}", n, **({"parsed": False, **more} if n < share else {})) for n in range(40)]


MUTE = silent(40, "who knows")  # what a base wrote that never learnt the form


@pytest.fixture
def legal(library: Library) -> Any:
    """A function that composes every word of an advice, and returns the sft section with all of them."""

    def check(one: Advice, recipe: str = "generated/sft") -> Any:
        own = [part for word in one.words for part in shlex.split(word)]
        return scope(library, "goal=arithmetic", "model=tiny", f"recipe={recipe}", *own).config

    return check


def test_unread(legal: Any) -> None:
    """Longer, faster, the answer line if the targets are known to lack it, and a prompt that asks for it."""
    told = advice.unread(seen(silent(30), MUTE))
    assert told and told.seen == (
        "the scorer exact_answer can read no answer in 75.0 % of what trial 1 wrote (100.0 % of the base's): "
        "the form is not learnt"
    )
    prompt = f"goal.prompt='{{question}} {words.ASKED}'"
    assert told.words == (f"{STEPS}180", f"{RATE}0.0003", shlex.quote(prompt))
    assert legal(told).goal.prompt == "{question} End with a line ANSWER: and the answer."
    lacking = advice.unread(seen(silent(30), MUTE, metrics={"sft": [logged("sft", 0, target_parse_rate=0.5)]}))
    assert lacking.words[0] == "recipe.data.answer_line=true"
    assert legal(lacking, "local/sft").recipe.data.answer_line is True
    whole = seen(silent(30), MUTE, metrics={"sft": [logged("sft", 0, target_parse_rate=1.0)]})
    assert advice.unread(whole).words == told.words
    asks = seen(silent(30), MUTE, goal=replace(GOAL, prompt="{question} ANSWER: what?"))
    assert advice.unread(asks).words == told.words[:2]
    assert advice.unread(seen(silent(20))) is None and advice.unread(seen()) is None
    assert advice.unread(seen(silent(30, truncated=True))) is None


def test_a_form_that_was_lost(legal: Any) -> None:
    """Of a base that had it, less is asked and not more."""
    told = advice.unread(seen(silent(30)))
    assert told.seen.endswith("(0.0 % of the base's): the form is lost")
    assert told.words == (f"{RATE}3.3e-05", f"{RATE}1e-05") and legal(told).recipe.sft.learning_rate == 1e-5


def test_rewards_alone_teach_no_form() -> None:
    """Of a recipe that learns no targets, no steps are promised anything."""
    told = advice.unread(seen(silent(40), MUTE, {"stages": ["data", "grpo"], "grpo": {"max_steps": 9}}))
    assert told.also.startswith("a recipe that learns targets first") and not any("grpo" in word for word in told.words)


def test_cut(legal: Any) -> None:
    """Room where the expected answers are as long; steps first where they are much shorter; the task's own limit."""
    long = [row(0.0, "x" * 60, n, target="y" * 50, parsed=False, truncated=True) for n in range(40)]
    told = advice.cut(seen(long, long))
    assert told and told.words == ("goal.max_new_tokens=64", f"{STEPS}180") and legal(told).goal.max_new_tokens == 64
    assert told.seen == "100.0 % of the answers of trial 1 are wrong and cut at the limit (100.0 % of the base's)"
    endless = advice.cut(seen([{**one, "target": "y"} for one in long], long))
    assert endless.words == (f"{STEPS}180", f"{RATE}0.0003", "goal.max_new_tokens=64")
    assert endless.seen.endswith("have 1 characters at the median and these 60: where to end is not learnt")
    lost = advice.cut(seen([{**one, "target": "y"} for one in long]))
    assert lost.seen.endswith("where to end is lost") and lost.words == (f"{RATE}3.3e-05", f"{RATE}1e-05")
    named = advice.cut(seen(long, goal=replace(GOAL, dev=[Task("arc", "arc")])))
    assert named.also == "a higher max_new_tokens of the goal's dev tasks" and named.words == (f"{STEPS}180",)
    some = [*long[:18], *silent(10)[:10], *[row(1.0, "", n) for n in range(12)]]
    assert advice.cut(seen([{**one, "doc_id": n} for n, one in enumerate(some)]))
    assert advice.cut(seen()) is None and advice.cut(seen(silent(40))) is None


def test_the_first_cause_speaks() -> None:
    """What moved nothing explains why no form was learnt; what is left to say of steps and items is said too."""
    told = advice.of_trial(seen(MUTE, MUTE))
    assert ["hardly changed" in told[0].seen, "gain can be proven" in told[1].seen, len(told)] == [True, True, 2]
    worse = advice.of_trial(seen([row(0.0, f"x {n}", n) for n in range(40)]))
    assert "is worse than the base" in worse[0].seen
    mute = advice.of_trial(seen([{**one, "response": "the same"} for one in silent(40)]))
    assert "gives one answer" in mute[0].seen and not any("the form" in one.seen for one in mute)


def test_one_answer(legal: Any) -> None:
    """A base that gives it too is to be moved; a trial that has fallen into it is to be trained more gently."""
    always = [row(float(n < 8), "ANSWER: no", n) for n in range(40)]
    fallen = advice.one_answer(seen(always))
    assert fallen.words == (f"{RATE}3.3e-05", f"{STEPS}180") and fallen.seen.endswith("and the base does not")
    legal(fallen)
    stuck = advice.one_answer(seen(always, base=always))
    assert stuck.words == (f"{RATE}0.0003", f"{STEPS}180") and stuck.seen.endswith("and so does the base")
    assert advice.one_answer(seen()) is None


def test_falling() -> None:
    """The held-out loss or the reward at the last look, of the stage that logged it."""
    falls = [logged("sft", step, eval_loss=loss) for step, loss in ((5, 2.0), (10, 1.5), (20, 1.4))]
    told = advice.falling(seen(metrics={"sft": falls}))
    loss = "its loss on held-out rows still fell, from 1.500 to 1.400 at the last look"
    assert told.seen == f"stage sft of trial 1 ended too soon: {loss}"
    assert told.words == (f"{STEPS}180",)
    flat = [*falls, logged("sft", 20, eval_loss=1.39)]
    assert advice.falling(seen(metrics={"sft": flat})) is None
    tree = {**TREE, "stages": ["data", "sft", "grpo"], "grpo": {"max_steps": 20}}
    rises = [logged("grpo", step, reward=step / 20) for step in range(1, 21)]
    assert advice.falling(seen(tree=tree, metrics={"sft": flat, "grpo": rises})).words == ("recipe.grpo.max_steps=60",)
    level = [logged("grpo", step, reward=0.5 + step % 2 / 10) for step in range(1, 21)]
    assert advice.falling(seen(tree=tree, metrics={"grpo": level})) is None and advice.falling(seen()) is None


def test_unmoved(legal: Any) -> None:
    """Every scored trial is right and wrong where the base is, and writes the same."""
    told = advice.unmoved(seen(BASE))
    assert told.words == (f"{RATE}0.001", f"{RATE}0.01", f"{STEPS}180") and legal(told).recipe.sft.learning_rate == 0.01
    assert "100.0 % of what trial 1 wrote is what the base wrote: training has hardly changed" in told.seen
    nearly = [{**one, "response": "else"} if not one["doc_id"] else one for one in BASE]
    assert advice.unmoved(seen(nearly)).words == (f"{RATE}0.001", f"{STEPS}180")
    assert advice.unmoved(seen()) is None  # it scores the same, and writes something else
    other = Trial(2, "propose", "COMPLETE", recipe="x", verdict=Verdict("undecided", 0, 1, 0, 1.0))
    assert advice.unmoved(seen(BASE, tried=[other])) is None
    choices = [{"task": "c", "doc_id": n, "value": float(n < 8), "target": "2"} for n in range(40)]
    assert "wrote" not in advice.unmoved(seen(choices, base=choices)).seen


def test_worse(legal: Any) -> None:
    """Even the best one, by the paired test."""
    told = advice.worse(seen([row(0.0, "", n) for n in range(40)]))
    assert told.words == (f"{RATE}3.3e-05", f"{RATE}1e-05") and "worse than the base (+0 −8, p = 0.0078)" in told.seen
    legal(told)
    assert advice.worse(seen([row(float(0 < n < 8), "", n) for n in range(40)])) is None
    assert advice.worse(seen()) is None


def test_few(legal: Any) -> None:
    """How large a gain has to be, by the sign test itself; what would prove the one that is there."""
    told = advice.few(seen())
    assert told.seen == "with 0 of 40 dev items lost, a gain can be proven from +15.0 points on; 160 items halve that"
    assert told.words == ("goal.dev_items=160",) and legal(told).goal.dev_items == 160
    ahead = advice.few(seen([row(float(n < 11), "", n) for n in range(40)]))
    assert ahead.words == ("goal.dev_items=80",) and "is ahead of the base, which may be chance (+3 −0" in ahead.seen
    assert paired.sign_test(6, 0) < paired.LEVEL <= paired.sign_test(5, 0)
    mine = advice.few(seen(goal=replace(GOAL, generator=None, data_dir="x", dev_items=200)))
    assert mine.words == ()
    assert mine.also.startswith("more rows in dev.jsonl, or without one a larger goal.dev_share (160 items halve that")
    assert "goal.dev_items" not in mine.also
    few = advice.few(seen(goal=replace(GOAL, generator=None, data_dir="x", dev_items=100), base=BASE[:30]))
    assert few.also.endswith("(120 items halve that, with goal.dev_items=120)")
    dry = advice.few(seen(goal=replace(GOAL, dev_items=200)))
    assert not dry.words and dry.line().endswith("the generator arithmetic has no more items for dev.")
    assert "limit of the goal's dev tasks" in advice.few(seen(goal=replace(GOAL, dev=[Task("arc", "arc")]))).also
    tiny = advice.few(seen(base=BASE[:5]))
    assert tiny.seen.startswith("with 0 of 5 dev items lost, no gain can be proven")
    many = [row(0.0, "", n) for n in range(400)]
    assert advice.few(seen(many, base=many)) is None
    lead = Verdict("undecided", 0, 95, 91, 0.83)  # which ten times as many items would not prove
    assert power.proving(95, 91, 400, 10) == math.inf and advice.few(seen(many, base=many, verdict=lead)) is None
    near = Verdict("undecided", 0, 9, 2, 0.07)
    assert advice.few(seen(many, base=many, verdict=near)).words == ("goal.dev_items=600",)


def test_few_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes a dev.jsonl into the copy of a data set: dev is a share of its train rows. One's own folder is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    goal = replace(GOAL, generator=None, dev_items=200, hub="openai/gsm8k", hub_config="main")
    copy = str(studies.published.place(goal, "version"))
    for one in (goal, replace(goal, data_dir=copy), replace(goal, hub_config=None, data_dir=copy)):
        also = advice.few(seen(goal=one)).also
        assert also == "a larger goal.dev_share of the train rows of openai/gsm8k (160 items halve that)"
    assert advice.few(seen(goal=replace(goal, data_dir="my/own"))).also.startswith("more rows in dev.jsonl")


@pytest.mark.parametrize("losses", [0, 1, 4, 20])
def test_power(losses: int) -> None:
    """The least wins that prove a gain, and about the items that prove one of a given ratio."""
    least = power.provable(losses)
    assert paired.sign_test(least, losses) < paired.LEVEL <= paired.sign_test(least - 1, losses)
    more = power.proving(losses + 2, losses, 100, 100) / 100
    assert paired.sign_test(round((losses + 2) * more), round(losses * more)) < paired.LEVEL
    with pytest.raises(ValueError, match="is no gain"):
        power.proving(losses, losses, 100, 100)


def test_power_of_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lead that only very many items could prove is not pursued beyond what anybody would draw."""
    asked: list[int] = []
    exact = paired.sign_test
    monkeypatch.setattr(paired, "sign_test", lambda wins, losses: asked.append(wins) or exact(wins, losses))
    assert power.proving(200, 199, 400, advice.REACH) == math.inf and max(asked) == 200 * advice.REACH
    assert len(asked) <= 4 * advice.REACH
    assert power.proving(6, 0, 40, 1) == 40 and power.proving(5, 0, 40, 1) == math.inf


def test_nothing_that_was_tried() -> None:
    """What a trial of the recipe had, or more of it, is not proposed again; of other recipes it may."""
    cheap = replace(seen().trial, fidelity=0.3)
    assert words.longer(seen(tried=[cheap])) == (f"{STEPS}60",)
    for steps in (375, 2803):  # in full is what the recipe says, to the last digit
        assert words.longer(seen(tree={**TREE, "sft": {"max_steps": steps}}, tried=[cheap])) == (f"{STEPS}{steps}",)
    far = [replace(cheap, fidelity=1.0, overrides=Overrides({"sft.learning_rate": 3e-4, "sft.max_steps": 200}))]
    assert words.faster(seen(tried=far), 3) == () and words.longer(seen(tried=far)) == ()
    assert words.faster(seen(tried=far), 10) == (f"{RATE}0.001",) and words.faster(seen(tried=far), 0.1)
    assert words.faster(seen(tried=[replace(far[0], recipe="other")]), 3) == (f"{RATE}0.0003",)
    unset = {"stages": ["data", "sft"], "sft": {"num_train_epochs": 2.0}}
    assert words.faster(seen(tree=unset), 10) == (f"{RATE}0.0002",)  # TRL's own is 2e-5
    assert words.longer(seen(tree=unset)) == ("recipe.sft.num_train_epochs=6.0",)
    assert words.longer(seen(tree={"stages": ["data", "sft"]})) == ()


def test_a_prompt_that_cannot_be_quoted() -> None:
    """It is left alone."""
    for prompt in ("{question}\nThink.", "What's {question}"):
        assert words.prompted(seen(goal=replace(GOAL, prompt=prompt))) == ()
    assert words.prompted(seen([{**one, "target": "7"} for one in BASE])) == ()


def fired(study: Study) -> list[Advice]:
    """What symptoms tell of a study."""
    reader = Reader(study.folder)
    return advice.fired(reader, facts.gather(reader))


def test_what_stopped_trials(tmp_path: Path) -> None:
    """Untried remedies and what the contract would have to open; nothing once a remedy has helped."""
    study = Study(tmp_path / "study")
    study.add(12, kind="baseline", recipe=None)
    study.add(12)
    study.judged(1, 0)
    remedied(study)
    assert fired(study) == []
    trial = study.ledger.trials[2]
    again = study.add(state="PRUNED", recipe=trial.recipe, diagnosis=trial.diagnosis, parent=1)
    (told,) = fired(study)
    assert told.seen.startswith(f"trial {again.number}: reward_collapse at grpo step 8 (stopped): reward fell from")
    assert told.words == ("recipe.grpo.learning_rate=0.0003", "recipe.grpo.beta=0.04", "recipe.grpo.temperature=0.7")
    assert told.also == "more remedies, once tunable of generated/grpo opens grpo.top_p"


def test_what_was_seen_at_the_end(tmp_path: Path, legal: Any) -> None:
    """A rule that fired at the last step names its remedies, and what the contract would have to open."""
    study = Study(tmp_path / "study")
    study.add(12, kind="baseline", recipe=None)
    study.add(12)
    assert fired(study) == []
    remedies, closed = [[f"{RATE}0.003"], [f"{STEPS}200"]], ["sft.max_grad_norm"]
    event = {"event": "symptom", "place": 0, "rule": "no_learning", "step": 20, "text": "loss is where it was"}
    files.append(study.folder / "trials" / "001" / "events.jsonl", {**event, "remedies": remedies, "closed": closed})
    (told,) = fired(study)
    assert told.seen == "trial 1: no_learning at sft step 20 (seen at the end, checkpoint kept): loss is where it was"
    assert told.words == (f"{RATE}0.003", f"{STEPS}200") and legal(told).recipe.sft.max_steps == 200
    assert told.also == "more remedies, once tunable of generated/sft opens sft.max_grad_norm"


def test_nothing_where_something_was_learnt(tmp_path: Path) -> None:
    """A winner, or an incumbent that is not the base."""
    study = Study(tmp_path / "study")
    study.add(6, kind="baseline", recipe=None)
    assert advice.advice(Reader(study.folder)) == []
    study.add(7)
    told = advice.advice(Reader(study.folder))
    assert [one.seen.partition(",")[0] for one in told] == ["trial 1 is ahead of the base"]
    study.add(30)
    study.judged(2, 0)
    assert advice.advice(Reader(study.folder)) == []


def test_a_folder_of_another_version(tmp_path: Path) -> None:
    """A config with keys that are gone hides the advice, and not the report."""
    study = Study(tmp_path / "study")
    study.add(6, kind="baseline", recipe=None)
    study.add(7)
    config = study.folder / "trials" / "001" / "config.yaml"
    config.write_text(config.read_text().replace("launcher:", "launchr:"))
    assert facts.gather(Reader(study.folder)) is None
    assert "trial 1" in text.whole(Reader(study.folder))


def test_a_real_study_that_learns_nothing(
    tmp_path: Path, random_model: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what both wrote, that nothing was changed, and words that its own command takes."""
    monkeypatch.chdir(tmp_path)
    Path("idle.yaml").write_text(IDLE)
    own = ("goal=arithmetic", f"model={random_model}", "recipe=idle.yaml", "goal.dev_items=12", "goal.test_items=12")
    more = ("goal.few_shot=0", "proposer=fixed", "study=idle", "compute.threads=1")
    list(studies.run(scope(library, *own, *more), library, lambda *_: pytest.fail("there is nothing to publish")))
    study = Reader(Path("outputs") / "idle")
    told = text.whole(study)
    assert "Answers on dev, " in told and " of 12:" in told and "hardly changed" in told
    for part in ("    base, ", "    trial 1, ", "    expected: ANSWER: "):
        assert part in told, told
    (command,) = [line for line in told.splitlines() if line.startswith("What to try next")]
    again = shlex.split(command.partition("python -m intern ")[2].removesuffix(" …"))
    assert again[-1] == "study=idle-2"
    (unmoved,) = [one for one in advice.advice(study) if "hardly changed" in one.seen]
    assert unmoved.words[:2] == (f"{RATE}1e-08", f"{RATE}1e-07")
    recipe: Recipe = scope(library, *again, unmoved.words[0]).config.recipe
    assert recipe.sft.learning_rate == 1e-8 and ITEMS > 12
