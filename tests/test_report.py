"""The report: what a study holds is on the page, in a real browser, in light and dark, wide and narrow, and nothing
that a model or a stranger wrote can run there."""

import ast
import base64
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import IDENTITY, recipe_of

from intern import files
from intern.config import schema, stages
from intern.config.library import Library
from intern.config.schema import Compute, Config, Goal, Model, Proposer, Recipe
from intern.data import items
from intern.data.cleaning import Cleaning, Example
from intern.overrides import Overrides
from intern.records import Diagnosis, Score, StageRun, Trial, Verdict, dump
from intern.report import curves, page, shown, stops, tree
from intern.stats import paired
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Result

EVIL = "</script><script>document.title = 'taken'; alert(1)</script><img src=x onerror=alert(2)> & \"'"
NAMES = {"sft": "generated/sft", "grpo": "generated/grpo"}
REMEDIES = {"grpo.learning_rate": 0.0003, "grpo.beta": 0.04, "grpo.temperature": 0.7}
ITEMS = 40
RECIPES = Library()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Study:
    """A study's folder, filled through the project's own functions; nothing is trained."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        asked = [{"question": f"What is {i} + 1? {EVIL if i == 9 else ''}"} for i in range(ITEMS)]
        (folder / "store" / "items").mkdir(parents=True)
        items.write(folder / "store" / "items" / "dev.jsonl", asked)
        (folder / "study.json").write_text(json.dumps(IDENTITY))
        self.ledger = Ledger(folder)
        self.recipes: dict[str, Recipe] = {}

    def recipe(self, trial: Trial) -> Recipe:
        """A trial's recipe: one of this study's own, or of the library."""
        name = trial.recipe or NAMES["sft"]
        return self.recipes.get(name) or RECIPES.load(name)

    def add(
        self, right: int | None = None, test: int | None = None, cleaned: Cleaning | None = None, **fields: Any
    ) -> Trial:
        """A trial that ended: `right` of the dev items, `test` of the test items, or no score at all; with a stage that
        cleaned rows, if it is said what became of them."""
        number = len(self.ledger.trials)
        trial = Trial(number, **{"kind": "propose", "state": "RUNNING", "recipe": NAMES["sft"]} | fields)
        if trial.state == "REJECTED":
            self.ledger.propose(trial)
            return trial
        self.ledger.propose(replace(trial, state="RUNNING"))
        self.lay_out(trial)
        stages = [self.gathered(trial, cleaned)] if cleaned else []
        stages += [self.trained(trial, len(stages))] if trial.recipe else []
        scores: list[Score] = []
        for split, count in (("dev", right), ("test", test)):
            for shots in (0, 4) if trial.kind == "baseline" and count is not None else (0,):
                if count is not None:
                    stages.append(self.stage(trial, len(stages), "score", "score", split, shots))
                    scores.append(self.scored(trial, stages, count if not shots else 0))
        if trial.state != "RUNNING" or scores:
            state = "COMPLETE" if trial.state == "RUNNING" else trial.state
            ended = Result(state, tuple(scores), trial.diagnosis, trial.reason, tuple(stages), 20.0 + number)
            self.ledger.finish(number, ended)
        return self.ledger.trials[number]

    def judged(self, number: int, against: int, which: str = "verdict") -> Verdict:
        """The paired comparison of two trials on dev, recorded."""
        pair = [Reader(self.folder).samples(n, "dev") for n in (number, against)]
        verdict = paired.compare(*pair, against)
        self.ledger.judge(number, verdict, which)
        return verdict

    def lay_out(self, trial: Trial) -> None:
        """The trial's folder."""
        recipe = replace(self.recipe(trial), summary=EVIL).with_(trial.overrides)
        parts = Goal("sums"), Model("tiny", "nowhere"), recipe, Proposer("fixed")
        settings = Config(*parts, compute=Compute("local"), study="report")
        base, asked = Input("b", "store", "base"), Input("i", "store", "items")
        job = Job(trial.number, trial.seed, (), base, base, asked, str(self.folder / "store"))
        jobs.write(self.folder / "trials" / f"{trial.number:03d}", job, settings)

    def gathered(self, trial: Trial, cleaned: Cleaning) -> StageRun:
        """A stage that gathered rows."""
        run = self.stage(trial, 0, "data", "data")
        files.write_whole(self.folder / "trials" / f"{trial.number:03d}" / "0-data" / "cleaning.json", dump(cleaned))
        return run

    def trained(self, trial: Trial, place: int = 0) -> StageRun:
        """A training stage: metrics with a hole, as a diverging run leaves them."""
        name, entry = next((n, e) for n, e in stages.entries(self.recipe(trial)) if e.trains)
        metric = next(iter(entry.curves))
        values = [1 / (step + trial.number) if step != 6 else float("nan") for step in range(2, 20, 2)]
        rows = [logged(name, 2 * i + 2, **{metric: value}) for i, value in enumerate(values)]
        return self.stage(trial, place, name, entry.name, rows=rows)

    def stage(
        self, trial: Trial, place: int, name: str, stage: str, split: str = "", shots: int = 0, rows: Any = ()
    ) -> StageRun:
        """A stage that has run: its event, its folder, its metrics."""
        out = f"{stage}-{trial.number}-{split}-{shots}"
        folder = self.folder / "trials" / f"{trial.number:03d}"
        event = {"event": "stage", "place": place, "title": f"{name} {split}", "name": name, "stage": stage}
        files.append(folder / "events.jsonl", {**event, "out": out, "reused": False})
        (folder / f"{place}-{name}").mkdir()
        if rows:
            items.write(folder / f"{place}-{name}" / "metrics.jsonl", rows)
        return StageRun(name, stage, out, False, 9.0, split, shots)

    def scored(self, trial: Trial, stages: list[StageRun], right: int) -> Score:
        """The last stage's samples, and their score."""
        run = stages[-1]
        said = EVIL if trial.kind == "baseline" else f"trial {trial.number} says"
        samples = [
            {"task": "sums", "doc_id": i, "value": float(i < right), "target": str(i + 1), "response": f"{said} {i}"}
            for i in range(ITEMS)
        ]
        folder = self.folder / "trials" / f"{trial.number:03d}" / f"{len(stages) - 1}-score"
        items.write(folder / "samples.jsonl", samples)
        share = right / ITEMS
        error = (share * (1 - share) / (ITEMS - 1)) ** 0.5
        return Score("sums", run.split, "exact_match", share, error, ITEMS, run.shots, 0.9, 0.05)


def logged(stage: str, step: int, **metrics: float) -> dict[str, Any]:
    """A row of metrics."""
    return {"stage": stage, "step": step, "steps": 20, **metrics}


def remedied(study: Study) -> None:
    """A stop, its stage's input checkpoint, a remedy that helps, one that does not."""
    changes = [Overrides({key: value}) for key, value in REMEDIES.items()]
    symptom = f"reward fell from 0.60 to 0.01 {EVIL}"
    found = Diagnosis("reward_collapse", "grpo", 8, symptom, tuple(changes), closed=("grpo.top_p",))
    stopped = study.add(state="PRUNED", recipe=NAMES["grpo"], diagnosis=found, parent=1).number
    before = study.add(12, kind="rollback", recipe=NAMES["grpo"], parent=stopped).number
    for right, overrides in ((30, changes[0]), (14, changes[1])):
        remedy = study.add(right, kind="remedy", recipe=NAMES["grpo"], parent=stopped, overrides=overrides).number
        study.judged(remedy, before, "recovery")


def full(folder: Path, sweeps: int = 3) -> Path:
    """A finished study with one of everything."""
    study = Study(folder)
    command = ["python", "-m", "intern", "goal=sums", f"goal.prompt={EVIL}", "model=tiny", "budget.trials=9"]
    study.ledger.start(shlex.join(command), {"torch": "2.9", "trl": "1.10"})
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(24, hypothesis=EVIL)
    study.judged(1, 0)
    remedied(study)
    for i in range(sweeps):
        overrides = Overrides({"sft.learning_rate": 0.0002 * (i + 1), "sft.weight_decay": 0.1 * (i % 2)})
        number = study.add(20 + 7 * i % 11, kind="sweep", parent=1, overrides=overrides).number
        study.judged(number, 1)
    study.add(state="FAIL", reason="sft: out of memory", parent=1)
    study.add(state="REJECTED", reason=f"recipe.x: is outside {EVIL}", overrides=Overrides({"x": EVIL}))
    study.add(23, kind="repeat", seed=1, parent=1)
    study.add(None, 36, kind="confirm", parent=1)
    study.ledger.finish_study("all trials of the budget are used", 1)
    return folder


def baseline_only(folder: Path) -> Path:
    """The base model and nothing else."""
    Study(folder).add(6, 7, kind="baseline", recipe=None)
    return folder


def running(folder: Path) -> Path:
    """A trial under way: its stage logs into its unfinished folder, and was torn in the middle of a line."""
    study = Study(folder)
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(state="RUNNING")
    trial = folder / "trials" / "001"
    part = trial / "sft-1--0.part"
    (trial / "0-sft").rename(part)
    with (part / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "sft", "st')
    return folder


def winnerless(folder: Path) -> Path:
    """Ended, and nothing beat the base."""
    study = Study(folder)
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(5)
    study.judged(1, 0)
    study.ledger.finish_study("the proposer has nothing more to try", None)
    return folder


def unlearnt(folder: Path) -> Path:
    """Nothing was learnt: most answers hold none, rows went, and a rule saw something at the end."""
    study = Study(folder)
    study.ledger.start("python -m intern goal=sums model=tiny quiet=true recipe=generated/sft", {"torch": "2.9"})
    study.add(6, kind="baseline", recipe=None)
    examples = {"blank": [Example("  ")], "ngram": [Example(f"What is 1? {EVIL}", "test 3", EVIL, 0.9)]}
    near = {"masked": [Example(f"What is 2? {EVIL}", "dev 4", EVIL, 0.3)]}
    against = {"dev": {"items": 12, "sha256": "a"}, f"test {EVIL}": {"items": 15, "sha256": "b"}}
    rows = Cleaning(9, 6, {"blank": 1, "ngram": 2}, {"masked": 4}, examples, near, against, {"version": 1})
    study.add(4, cleaned=rows)
    study.judged(1, 0)
    place = folder / "trials" / "001"
    written = items.read(place / "2-score" / "samples.jsonl")
    unread = [{**row, "parsed": row["value"] > 0, "response": f"No. {EVIL} {row['doc_id']}"} for row in written]
    items.write(place / "2-score" / "samples.jsonl", unread)
    symptom = {"event": "symptom", "place": 1, "rule": "no_learning", "step": 18, "text": f"loss is 2 {EVIL}"}
    remedies = {"remedies": [["recipe.sft.max_steps=200"]], "closed": ["sft.max_grad_norm"]}
    files.append(place / "events.jsonl", symptom | remedies)
    study.ledger.finish_study("all trials of the budget are used", None)
    return folder


def empty(folder: Path) -> Path:
    """Before the first trial."""
    Study(folder)
    return folder


class Browser:
    """A real Chromium, driven over its debugging pipe: no port, no driver, no network."""

    def __init__(self, profile: Path) -> None:
        (theirs, self.out), (self.back, ours) = os.pipe(), os.pipe()
        flags = "--headless=new --no-sandbox --disable-gpu --remote-debugging-pipe --disable-background-networking"
        words = [CHROMIUM, *flags.split(), "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}"]
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs, ours)]  # Chromium's own are 3 and 4
        place = lambda: [os.dup2(fd, 3 + i) for i, fd in enumerate(ends)]  # noqa: E731
        self.process = subprocess.Popen(words, preexec_fn=place, pass_fds=(3, 4), stderr=subprocess.DEVNULL)
        for fd in (*ends, theirs, ours):
            os.close(fd)
        self.buffer, self.events, self.number, self.session = b"", [], 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """One command's result; what happens meanwhile is kept in `events`."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.buffer:
                self.buffer += os.read(self.back, 1 << 20) or pytest.fail("Chromium is gone")
            line, _, self.buffer = self.buffer.partition(b"\0")
            reply = json.loads(line)
            if reply.get("id") == self.number:
                return reply["result"]
            self.events.append(reply)

    def open(self, page: Path, width: int, dark: bool = False) -> None:
        """Show a page and wait until its charts are drawn."""
        self.events.clear()
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=page.resolve().as_uri())
        drawn = "document.querySelectorAll('figure.chart').length == (document.documentElement.dataset.drawn ?? 0)"
        waited = f"new Promise(done => {{ const look = () => document.readyState == 'complete' && {drawn} ? "
        assert self.ask(waited + "done(true) : setTimeout(look, 50); look(); })")

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        reply = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return reply["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def faults(self) -> list[Any]:
        """Console errors, exceptions, dialogues, and requests for anything but the page itself."""
        bad = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening")
        asked = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [e for e in self.events if e.get("method") in bad] + asked[1:]

    def close(self) -> None:
        """End it."""
        self.call("Browser.close")
        self.process.wait(10)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study and its report."""
    folder = full(tmp_path_factory.mktemp("study") / "sums-tiny")
    assert page.write(folder) == folder / "report.html" and not list(folder.glob("*.part"))
    return folder


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_browser(browser: Browser, study: Path, width: int, dark: bool) -> None:
    """Every chart has marks, nothing overflows, nothing fails, nothing is fetched, no stranger's script runs."""
    browser.open(study / "report.html", width, dark)
    assert browser.faults() == []
    figures = "[...document.querySelectorAll('figure.chart')]"
    counts = browser.ask(f"{figures}.map(f => f.querySelectorAll('svg path').length)")
    assert len(counts) == 4 and min(counts) > 3
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("document.title") == "sums-tiny · intern"
    shade = browser.ask("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert shade == ("rgb(154, 162, 176)" if dark else "rgb(102, 109, 122)")
    assert browser.picture().startswith(b"\x89PNG")


def test_bringing_out_a_trial(browser: Browser, study: Path) -> None:
    """The choice reaches the tree and the charts."""
    browser.open(study / "report.html", 1280)
    faint = "document.querySelectorAll('#trials svg [opacity=\"0.2\"]').length"
    assert browser.ask(faint) == 0
    browser.ask("(s => { s.value = 4; s.dispatchEvent(new Event('change')); })(document.querySelector('#picked'))")
    assert browser.ask("document.querySelector('.trial.picked .number').textContent") == "4"
    assert browser.ask(f"new Promise(done => setTimeout(() => done({faint}), 200))") > 3
    assert browser.faults() == []


def test_what_it_says(study: Path) -> None:
    """The verdict, the remedy that helped and by how much, the refusal, the versions, the samples."""
    text = seen(study / "report.html")
    for part in (
        "Trial 1 (generated/sft) gets 90.0 ± 4.8 % of test right, the base model 17.5 ± 6.1 % zero-shot",
        "+29 −0, p = 3.7e-09",
        "Gain on test +72.5 points",
        "90 % parsed 5 % cut",
        "Trial 2 (generated/grpo) stopped in grpo at step 8: reward_collapse",
        "Trial 4 helped: grpo.learning_rate=0.0003 +45.0 points",
        "undecided: +2 −0",
        "Not tried: grpo.temperature=0.7",
        "Opening grpo.top_p in the recipe's tunable would allow more remedies.",
        "sft: out of memory",
        "is outside &lt;/script",
        "generated/sft: 15 more finished trials needed",
        "Fixed: 18",
        "torch 2.9 · trl 1.10",
        "Seeds used: 0, 1; trial 1: 0",
        "lr_scheduler_type: cosine",
        "Go on In a new study: the test items of this one are spent, and are the same there.",
        "recipe=" + str(study / "export" / "recipe.yaml"),
        "study=sums-tiny-2",
    ):
        assert part in text, part
    assert "What to try next" not in text and "What was written" not in text and "Beware" not in text
    assert (study / "report.html").stat().st_size < 3_000_000


def test_nothing_learnt(browser: Browser, tmp_path: Path) -> None:
    """What was written beside what was expected, what to try, what became of the rows, what was seen at the end."""
    path = page.write(unlearnt(tmp_path / "study"))
    text = seen(path)
    for part in (
        "What to try next What was written Scores",
        "its word goes to the end of python -m intern goal=sums model=tiny recipe=generated/sft study=study-2 .",
        "The scorer exact_answer can read no answer in 90.0 % of what trial 1 wrote (0.0 % of the base&#39;s)",
        "the form is lost. Try recipe.sft.learning_rate=0.00033 recipe.sft.learning_rate=0.0001",
        "base: 34 wrong, 6 right. trial 1: 36 no answer read, 4 right.",
        "What is 4 + 1? expected 5 base, right",
        "trial 1, no answer read No. &lt;/script&gt;",
        "no_learning in sft, seen at the end, checkpoint kept",
        "Seen at the end, checkpoint kept",
        "1 sft no_learning loss is 2 &lt;/script&gt;",
        "sft.max_steps=200 Learning curves",
        "Try recipe.sft.max_steps=200 or more remedies, once tunable of generated/sft opens sft.max_grad_norm",
        "data 6 kept of 9 that were gathered 9 rows were held against 12 dev, 15 test &lt;/script&gt;",
        "(decontamination 1): 2 went, 4 nearly matched 1 question or target is blank an example",
        "2 runs of words are shared with a held-out item",
        "4 kept, though near to it: a held-out item with other numbers",
        "base, zero-shot base, 4-shot trial 1",
    ):
        assert part in text, part
    assert EVIL not in path.read_text()
    browser.open(path, 1280)
    assert browser.faults() == [] and browser.ask("document.title") == "study · intern"
    hidden = "document.querySelector('#rows details .note:not(summary)').checkVisibility()"
    assert browser.ask(hidden) is False
    browser.ask("document.querySelector('#rows summary').click()")
    assert browser.ask(hidden) is True


def test_one_answer(tmp_path: Path) -> None:
    """A winner that says the same always is said to."""
    study = Study(tmp_path / "study")
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(24)
    study.judged(1, 0)
    folder = study.folder / "trials" / "001" / "1-score"
    rows = [{**row, "response": f"Well, {row['doc_id']}.\nANSWER: no"} for row in items.read(folder / "samples.jsonl")]
    items.write(folder / "samples.jsonl", rows)
    text = seen(page.write(study.folder))
    assert "Beware: trial 1 gives one answer, “ANSWER: no”, to every dev item, and is right in 60.0 % of them." in text


def seen(path: Path) -> str:
    """The text of a page, without its markup."""
    page = path.read_text()
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(script|style).*?</\1>", " ", page)).split())


def test_nothing_foreign_is_markup(study: Path) -> None:
    """The page has its own two scripts, no other, loads nothing, and a policy that would not let it."""
    page = (study / "report.html").read_text()
    assert EVIL not in page and "<img" not in page.split("<script>")[0]
    assert len(re.findall(r"<script>", page)) == 2 and page.count("</script>") == 2 + page.count("application/json")
    assert not re.search(r"""(src|href)=["'](?!#)""", page.split("<script>")[0])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none'") and "unsafe-eval" not in policy and "http" not in policy


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (baseline_only, "no trial has beaten the base model (15.0 ± 5.7 % on dev)"),
        (running, "no trial has beaten the base model"),
        (winnerless, "no trial was better than the base model on dev by a paired test"),
        (unlearnt, "What to try next"),
        (empty, "no trial has begun"),
    ],
)
def test_at_any_moment(browser: Browser, tmp_path: Path, made: Any, said: str) -> None:
    """Before, during and after; with nothing to show for it."""
    path = page.write(made(tmp_path / "study"))
    assert said in path.read_text()
    browser.open(path, 420)
    assert browser.faults() == [] and browser.ask("document.documentElement.scrollWidth") <= 420
    trained = made in (running, winnerless, unlearnt)
    assert browser.ask("document.querySelectorAll('#curves figure').length") == trained


def test_importances(browser: Browser, tmp_path: Path) -> None:
    """From 20 finished trials of a recipe on, over those keys of its contract that were varied."""
    path = page.write(full(tmp_path / "study", sweeps=18))
    text = path.read_text()
    assert "20 finished trials" in text and '"key": "sft.learning_rate"' in text and '"key": "sft.weight_decay"' in text
    assert '"key": "sft.warmup_steps"' not in text
    browser.open(path, 1280)
    assert browser.faults() == [] and browser.ask("document.querySelectorAll('#importances svg path').length") > 1


STAGE = """
from dataclasses import dataclass

MAKES = "model"
USES = ("model",)
CURVES = {"oddity": "how odd", "never/logged": "never"}


@dataclass
class Settings:
    strength: float = 1.0


def run(task):
    raise NotImplementedError
"""


def test_a_stranger_s_stage(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that this room has never heard of, under a name of its own: its curve, its time and its colour."""
    (tmp_path / "plugins" / "stages").mkdir(parents=True)
    (tmp_path / "plugins" / "stages" / "stretch.py").write_text(STAGE)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "plugins"))
    study = Study(tmp_path / "study")
    study.recipes["file/odd"] = recipe_of("file/odd", stages=["lift"], lift={"stage": "stretch", "strength": 2.0})
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(24, recipe="file/odd")
    study.judged(1, 0)
    path = page.write(study.folder)
    text = seen(path)
    for part in ("lift (stretch)", "how odd oddity", "score lift", "strength: 2.0"):
        assert part in text, part
    assert "never" not in text and '"range": ["var(--stage-0)", "var(--stage-1)"]' in path.read_text()
    browser.open(path, 1280)
    assert browser.faults() == []
    assert browser.ask("document.querySelectorAll('#curves svg path[stroke=\"var(--accent)\"]').length") == 1
    colours = "[...document.querySelectorAll('#trials figure:last-of-type svg path')].map(p => p.getAttribute('fill'))"
    assert {"var(--stage-0)", "var(--stage-1)"} <= set(browser.ask(colours))


def test_it_names_no_stage() -> None:
    """Nothing in this room does, so that any stage is drawn alike."""
    named = [name for name in stages.recipe_stages() if stages.stage(name).trains]
    assert {"sft", "grpo"} <= set(named)
    for file in Path(page.__file__).parent.rglob("*.*"):
        if file.suffix == ".py":
            texts = [node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
        else:
            texts = re.findall(r"[\w-]+", file.read_text()) if file.parent.name == "templates" else []
        assert not set(named) & {text for text in texts if isinstance(text, str)}, file


def test_gaps(study: Path) -> None:
    """What is no number is a gap in the curve."""
    specs = [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page_of(study))]
    (points,) = [spec["datasets"]["points"] for spec in specs if "stops" in spec["datasets"]]
    assert {row["value"] is None for row in points if row["step"] == 6} == {True}
    assert all(row["value"] is not None for row in points if row["step"] != 6)


def page_of(study: Path) -> str:
    """The page's text as it is on disk."""
    return (study / page.FILE).read_text()


def test_a_long_study_is_cut(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is counted, what matters stays, and the tree is whole."""
    for room, name, most in ((curves, "RUNS", 5), (page, "CHARTED", 12), (page, "IN_TREE", 6), (page, "REFUSED", 1)):
        monkeypatch.setattr(room, name, most)
    monkeypatch.setattr(stops, "MOST", 1)
    folder = full(tmp_path / "study", sweeps=18)
    study = Study.__new__(Study)
    study.folder, study.ledger, study.recipes = folder, Ledger(folder), {}
    study.add(state="REJECTED", reason="again")
    path = page.write(folder)
    text = seen(path)
    for part in (
        "6 of 29 trials are shown: the best, the newest and those that became the incumbent.",
        "5 of 26 runs are drawn: those of the best trials and of the newest.",
        "1 of 2 are shown, the newest.",
        "1 more remedies are left out.",
        "trials below are left out",
    ):
        assert part in text, part
    drawn = re.search(r"(\d+) of 29 trials are drawn, evenly spread, with the incumbents\.", text)
    assert drawn and 8 <= int(drawn[1]) <= 12
    rows = re.findall(r'<div class="trial[^"]*" data-trial="(\d+)"', path.read_text())
    assert len(rows) <= 6 and {"0", "1"} <= set(rows)
    browser.open(path, 1280)
    assert browser.faults() == []
    nested = "[...document.querySelectorAll('#tree .trial')].map(row => row.closest('.tree') != null)"
    assert browser.ask(nested) == [True] * len(rows)
    assert browser.ask("document.querySelector('#remedies').closest('#tree')") is None


def test_a_deep_tree(tmp_path: Path) -> None:
    """Each trial varies the one before: all rows are there, as deep as can be read, every level closed again."""
    study = Study(tmp_path / "study")
    study.add(6, 7, kind="baseline", recipe=None)
    for number in range(1, 16):
        study.add(state="FAIL", reason="x", parent=number - 1 or None)
    reader = Reader(study.folder)
    rows = tree.tree(reader, reader.trials)
    assert [row.trial.number for row in rows] == list(range(16))
    assert sum(row.opens for row in rows) == sum(row.closes for row in rows) == tree.DEEPEST
    left_out = tree.tree(reader, [reader.trials[n] for n in (0, 3, 9)])
    assert [(row.trial.number, row.hidden, row.opens, row.closes) for row in left_out] == [
        (0, 2, True, 0),
        (3, 5, True, 0),
        (9, 6, False, 2),
    ]


def test_what_is_shown_first(study: Path) -> None:
    """The base, the best, the incumbents, then by turns the best on dev and the newest; every trial once."""
    reader = Reader(study)
    ranked = list(shown.ranked(reader))
    assert sorted(ranked) == list(range(len(reader.trials)))
    assert ranked[:3] == [0, 1, 4] and ranked[3] == reader.trials[-1].number
    assert [t.number for t in shown.chosen(reader, 4)] == [0, 1, 4, reader.trials[-1].number]
    even = shown.evenly(reader, 6)
    assert len(even) <= 6 and {0, 1, reader.trials[-1].number} <= {t.number for t in even}


def test_a_home_that_cannot_be_written(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The charts' renderer is kept in the user's cache, and is bundled anew without one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bundled = page.vega()
    (kept,) = (tmp_path / "cache" / "intern").iterdir()
    assert kept.read_bytes().decode() == bundled == page.vega()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert page.vega() == bundled


def test_it_loads_no_torch(study: Path) -> None:
    """A report is quick to ask for."""
    code = f"import sys; from pathlib import Path; from intern.report import page; page.write(Path({str(study)!r}))\n"
    code += "print([m for m in ('torch', 'transformers', 'trl', 'lm_eval', 'datasets') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
