"""The report: what a study holds is on the page, in a real browser, in light and dark, wide and narrow, and nothing
that a model or a stranger wrote can run there."""

import base64
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from intern.config import library, schema
from intern.config.schema import Compute, Config, Goal, Model, Proposer
from intern.data import items
from intern.records import Diagnosis, Score, Trial, Verdict
from intern.report import page, text
from intern.stats import paired
from intern.study import ledger
from intern.trial import worker

EVIL = "</script><script>document.title = 'taken'; alert(1)</script><img src=x onerror=alert(2)> & \"'"
NAMES = {"sft": "generated/sft", "grpo": "generated/grpo"}
ITEMS = 40
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Study:
    """A study's folder, filled through the project's own functions; nothing is trained."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        asked = [{"question": f"What is {i} + 1? {EVIL if i == 9 else ''}"} for i in range(ITEMS)]
        (folder / "items").mkdir(parents=True)
        items.write(folder / "items" / "dev.jsonl", asked)
        identity = {"goal": {"name": "sums"}, "model": {"name": "tiny"}}
        (folder / "study.json").write_text(json.dumps(identity))

    def add(self, right: int | None = None, test: int | None = None, **fields: Any) -> Trial:
        """A trial that ended: `right` of the dev items, `test` of the test items, or no score at all."""
        number = len(ledger.trials(self.folder))
        trial = Trial(number, **{"kind": "propose", "state": "RUNNING", "recipe": NAMES["sft"]} | fields)
        state, stages, scores = trial.state, [], []
        if trial.recipe:
            self.lay_out(trial)
            stages.append(self.trained(trial))
        for split, count in (("dev", right), ("test", test)):
            for shots in (0, 4) if trial.kind == "baseline" and count is not None else (0,):
                if count is not None:
                    scores.append(self.scored(trial, split, count if not shots else 0, shots))
                    stages.append(self.stage("score", f"score-{number}-{split}-{shots}", split, shots))
        ledger.propose(self.folder, trial if state == "REJECTED" else replace(trial, state="RUNNING"))
        if state not in ("REJECTED", "RUNNING") or scores:
            state = "COMPLETE" if state == "RUNNING" else state
            ended = {"state": state, "scores": scores, "diagnosis": None, "reason": trial.reason, "stages": stages}
            diagnosis = asdict(trial.diagnosis) if trial.diagnosis else None
            ledger.finish(self.folder, number, {**ended, "diagnosis": diagnosis, "seconds": 20.0 + number})
        return ledger.trials(self.folder)[number]

    def judged(self, number: int, against: int, which: str = "verdict") -> Verdict:
        """The paired comparison of two trials on dev, recorded."""
        pair = [text.samples(self.folder, ledger.trials(self.folder)[n], "dev") for n in (number, against)]
        verdict = paired.compare(*pair, against)
        ledger.judge(self.folder, number, verdict, which)
        return verdict

    def lay_out(self, trial: Trial) -> None:
        """The trial's folder."""
        recipe = replace(library.load(trial.recipe), summary=EVIL)
        parts = Goal("sums"), Model("tiny", "nowhere"), recipe, Proposer("fixed")
        settings = Config(*parts, compute=Compute("local"), study="report")
        job = worker.Job(trial.number, trial.seed, (), "nowhere", "model", "items")
        worker.write_job(self.folder / "trials" / f"{trial.number:03d}", job, settings)

    def trained(self, trial: Trial) -> dict[str, Any]:
        """A training stage's output: metrics with a hole, as a diverging run leaves them."""
        stage = "grpo" if trial.recipe == NAMES["grpo"] else "sft"
        row = self.stage(stage, f"{stage}-{trial.number}")
        key = {"sft": "loss", "grpo": "reward"}[stage]
        values = [1 / (step + trial.number) if step != 6 else float("nan") for step in range(2, 20, 2)]
        logged = [{"stage": stage, "step": 2 * i + 2, "steps": 20, key: v} for i, v in enumerate(values)]
        items.write(self.folder / "stages" / row["out"] / "metrics.jsonl", logged)
        return row

    def scored(self, trial: Trial, split: str, right: int, shots: int) -> dict[str, Any]:
        """A score stage's output."""
        row = self.stage("score", f"score-{trial.number}-{split}-{shots}", split, shots)
        said = EVIL if trial.kind == "baseline" else f"trial {trial.number} says"
        samples = [
            {"task": "sums", "doc_id": i, "value": float(i < right), "target": str(i + 1), "response": f"{said} {i}"}
            for i in range(ITEMS)
        ]
        items.write(self.folder / "stages" / row["out"] / "samples.jsonl", samples)
        share = right / ITEMS
        error = (share * (1 - share) / (ITEMS - 1)) ** 0.5
        return asdict(Score("sums", split, "exact_match", share, error, ITEMS, shots, 0.9, 0.05))

    def stage(self, stage: str, out: str, split: str = "", shots: int = 0) -> dict[str, Any]:
        """A stage's row, and its folder."""
        (self.folder / "stages" / out).mkdir(parents=True, exist_ok=True)
        return {"stage": stage, "split": split, "shots": shots, "out": out, "reused": False, "seconds": 9.0}


def remedied(study: Study) -> None:
    """A stop, the checkpoint before it, a remedy that holds, one that does not."""
    words = (("recipe.grpo.learning_rate=0.0003",), ("recipe.grpo.beta=0.04",), ("recipe.grpo.temperature=0.7",))
    found = Diagnosis("reward_collapse", "grpo", 8, f"reward fell from 0.60 to 0.01 {EVIL}", words)
    stopped = study.add(state="PRUNED", recipe=NAMES["grpo"], diagnosis=found, parent=1).number
    before = study.add(12, kind="rollback", recipe=NAMES["grpo"], parent=stopped).number
    for right, overrides in ((30, words[0]), (14, words[1])):
        remedy = study.add(right, kind="remedy", recipe=NAMES["grpo"], parent=stopped, overrides=overrides).number
        study.judged(remedy, before, "recovery")


def full(folder: Path, sweeps: int = 3) -> Path:
    """A finished study with one of everything."""
    study = Study(folder)
    versions = {"torch": "2.9", "trl": "1.10"}
    ledger.append(folder, "start", command=f"python -m intern goal=sums {EVIL}", versions=versions)
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(24, hypothesis=EVIL)
    study.judged(1, 0)
    remedied(study)
    for i in range(sweeps):
        rate = f"recipe.sft.learning_rate={0.0002 * (i + 1):.4g}"
        decay = f"recipe.sft.weight_decay={0.1 * (i % 2)}"
        number = study.add(20 + 7 * i % 11, kind="sweep", parent=1, overrides=(rate, decay)).number
        study.judged(number, 1)
    study.add(state="FAIL", reason="sft: out of memory", parent=1)
    study.add(state="REJECTED", reason=f"recipe.x: is outside {EVIL}", overrides=(f"recipe.x={EVIL}",))
    study.add(23, kind="repeat", seed=1, parent=1)
    study.add(None, 36, kind="confirm", parent=1)
    ledger.append(folder, "end", reason="all trials of the budget are used", winner=1)
    return folder


def baseline_only(folder: Path) -> Path:
    """The base model and nothing else."""
    Study(folder).add(6, 7, kind="baseline", recipe=None)
    return folder


def running(folder: Path) -> Path:
    """A trial under way; its stage is noted, logs into its unfinished folder, and was torn in the middle of a line."""
    study = Study(folder)
    study.add(6, 7, kind="baseline", recipe=None)
    trial = study.add(state="RUNNING")
    made = folder / "stages" / f"sft-{trial.number}"
    made.rename(made.with_name(f"{made.name}.tmp"))
    with (made.with_name(f"{made.name}.tmp") / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "sft", "st')
    worker.note(folder / "trials" / "001", {"stage": "sft", "out": made.name})
    return folder


def winnerless(folder: Path) -> Path:
    """Ended, and nothing beat the base."""
    study = Study(folder)
    study.add(6, 7, kind="baseline", recipe=None)
    study.add(5)
    study.judged(1, 0)
    ledger.append(folder, "end", reason="the proposer has nothing more to try", winner=None)
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
    """The verdict, the remedy that held and by how much, the refusal, the versions, the samples."""
    page = (study / "report.html").read_text()
    text = " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(script|style).*?</\1>", " ", page)).split())
    for part in (
        "Trial 1 (generated/sft) gets 90.0 ± 4.8 % of test right, the base model 17.5 ± 6.1 % zero-shot",
        "+29 −0, p = 3.7e-09",
        "Gain on test +72.5 points",
        "90 % parsed 5 % cut",
        "Trial 2 (generated/grpo) stopped in grpo at step 8: reward_collapse",
        "Held: trial 4 grpo.learning_rate=0.0003 +45.0 points",
        "undecided: +2 −0",
        "Not tried: grpo.temperature=0.7",
        "sft: out of memory",
        "is outside &lt;/script",
        "generated/sft: 15 more finished trials needed",
        "Fixed: 18",
        "torch 2.9 · trl 1.10",
        "Seeds used: 0, 1; trial 1: 0",
        "lr_scheduler_type: cosine",
    ):
        assert part in text, part
    assert len(page) < 3_000_000


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
        (empty, "no trial has begun"),
    ],
)
def test_at_any_moment(browser: Browser, tmp_path: Path, made: Any, said: str) -> None:
    """Before, during and after; with nothing to show for it."""
    path = page.write(made(tmp_path / "study"))
    assert said in path.read_text()
    browser.open(path, 420)
    assert browser.faults() == [] and browser.ask("document.documentElement.scrollWidth") <= 420
    assert browser.ask("document.querySelectorAll('#curves figure').length") == (made in (running, winnerless))


def test_importances(tmp_path: Path) -> None:
    """From 20 finished trials of a recipe on, over its contract's keys alone."""
    text = page.write(full(tmp_path / "study", sweeps=18)).read_text()
    assert "20 finished trials" in text and '"key": "sft.learning_rate"' in text and '"key": "sft.weight_decay"' in text


def test_it_loads_no_torch(study: Path) -> None:
    """A report is quick to ask for."""
    code = f"import sys; from pathlib import Path; from intern.report import page; page.write(Path({str(study)!r}))\n"
    code += "print([m for m in ('torch', 'transformers', 'trl', 'lm_eval', 'datasets') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
