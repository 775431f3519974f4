"""The one reader of a study's folder: what reports, cards and the loop ask of it. It keeps what it has read."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from intern import damage, records
from intern.config import stages
from intern.config.schema import Config, Recipe
from intern.data import items
from intern.data.cleaning import CARD, Cleaning
from intern.data.cleaning import FILE as CLEANING
from intern.data.constant import FILE as CONSTANT
from intern.errors import UserError
from intern.records import UNCOUNTED, Diagnosis, Score, StageRun, Trial, Verdict
from intern.search import importance, recovery
from intern.search.history import History
from intern.stats import paired
from intern.study import identity
from intern.study.ledger import Ledger, opened
from intern.trial import job as jobs
from intern.trial import reader as trial_reader
from intern.trial.reader import Begun
from intern.trial.store import Store, open_store

SAMPLES = "samples.jsonl"
OUTCOME = {"task", "doc_id", "value"}  # what every outcome says
STORE = "store"  # the folder of a study's own store
Samples = list[dict[str, Any]]


class Reader:
    """A study, read."""

    def __init__(self, folder: Path, ledger: Ledger | None = None) -> None:
        self.folder = folder
        self.ledger = ledger or opened(folder)
        self.history = History()
        self.ledger.listen(self.history.put)
        self.config = lru_cache(maxsize=256)(self._config)
        self.samples = lru_cache(maxsize=16)(self._samples)

    @property
    def trials(self) -> list[Trial]:
        """Every trial."""
        return self.ledger.trials

    @property
    def baseline(self) -> Trial | None:
        """The untouched base, if it was begun."""
        return self.trials[0] if self.trials else None

    @property
    def winner(self) -> Trial | None:
        """The trial that won, once the study has ended and one did."""
        end = self.ledger.end
        return None if end is None or end["winner"] is None else self.trials[end["winner"]]

    @property
    def best(self) -> Trial | None:
        """The winner, or the best trial so far by paired comparison."""
        if self.winner or not self.trials:
            return self.winner
        return self.trials[self.history.incumbent.number]

    @property
    def learnt(self) -> bool:
        """Whether a trial was judged better than the base."""
        return self.best is not None and self.best.number > 0

    @property
    def leading(self) -> Trial | None:
        """The trial with the highest mean on dev of all that were proposed, whether or not it is better than the base;
        of equals the longest."""
        scored = [t for t in self.trials if t.kind not in UNCOUNTED and t.mean("dev") is not None]
        return max(scored, key=lambda t: (t.mean("dev") or 0.0, t.fidelity), default=None)

    @property
    def foremost(self) -> Trial | None:
        """The best trial; with nothing learnt the leading one."""
        return self.best if self.learnt else self.leading

    @property
    def final(self) -> Trial | None:
        """The trial that scored the winner's export on test, if it did."""
        return next((t for t in reversed(self.trials) if t.kind == "confirm" and t.state == "COMPLETE"), None)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the study is: goal, model, hashes; {} if nothing was begun, or if its file has gone."""
        there = (self.folder / identity.FILE).exists()
        return identity.recorded(self.folder, ("goal", "model")) if there else {}

    def place(self, number: int) -> Path:
        """Return a trial's folder."""
        return self.folder / "trials" / f"{number:03d}"

    def recipe(self, number: int) -> Recipe:
        """Return the recipe as a trial ran it."""
        return self.config(number).recipe

    def trained(self, trial: Trial) -> Recipe:
        """Return a trial's recipe with the steps that it took: repeating it repeats a cheap trial."""
        recipe = self.recipe(trial.number)
        if trial.fidelity == 1.0:
            return recipe
        shorter = {
            name: stage.shortened(getattr(recipe, name), trial.fidelity)
            for name, stage in stages.entries(recipe)
            if stage.trains
        }
        return replace(recipe, **shorter)

    def scored(self, trial: Trial, split: str, shots: int = 0) -> Samples:
        """Return a trial's samples of a split, or [] if it was not scored there, or if their file has gone."""
        if trial.mean(split, shots) is None:
            return []
        try:
            return self.samples(trial.number, split, shots)
        except FileNotFoundError:
            return []

    def outcomes(self, number: int) -> Samples:
        """Return a trial's samples of dev.

        Raises:
            UserError: if their file is damaged or has gone.
        """
        try:
            return self.samples(number, "dev")
        except FileNotFoundError as error:
            why = f"has gone, and trial {number} cannot be compared without it: {damage.AGAIN}"
            raise UserError(f"{error.filename} {why}.") from None

    def compared(self, trial: Trial, other: Trial, split: str = "dev", shots: int = 0) -> Verdict | None:
        """Return the comparison of a trial with another one, item by item; None if one of them was not scored.

        Args:
            trial: the candidate, zero-shot.
            other: what it is compared with, on `shots` worked examples.
            split: "dev" or "test".
            shots: worked examples in the prompts of the other.
        """
        if split == "dev" and trial.verdict and trial.verdict.against == other.number and not shots:
            return trial.verdict
        ours, theirs = self.scored(trial, split), self.scored(other, split, shots)
        return paired.compare(ours, theirs, other.number) if ours and theirs else None

    def proofs(self) -> list[tuple[int, Verdict]]:
        """Return (shots of the base, the paired comparison of the export with it on test)."""
        base, final = self.baseline, self.final
        if base is None or final is None:
            return []
        shots = sorted({s.shots for s in base.scores if s.split == "test"})
        pairs = [(n, self.compared(final, base, "test", n)) for n in shots]
        return [(n, verdict) for n, verdict in pairs if verdict]

    @cached_property
    def constant(self) -> dict[str, Any]:
        """The one completion that is right for the most train items, and its outcomes by split: text, dev, test; {} if
        there is none."""
        if not (self.place(0) / jobs.JOB).exists() or not (self.items / CONSTANT).exists():
            return {}
        known = damage.tree(self.items / CONSTANT)
        return known if known.get("text") else {}

    def constant_scores(self) -> list[Score]:
        """Return what that completion scores on each split."""
        return [paired.summed(self.constant[split], split) for split in ("dev", "test") if self.constant]

    def constant_proof(self) -> Verdict | None:
        """Return the paired comparison of the export with that completion on test."""
        final, known = self.final, self.constant
        return paired.compare(self.scored(final, "test"), known["test"], 0) if final and known else None

    def repeats(self, winner: Trial) -> list[Trial]:
        """Return the scored trials of the winner's own config with another seed; those of others are no evidence."""
        own = (winner.recipe, winner.overrides, winner.fidelity)
        scored = [t for t in self.trials if t.kind == "repeat" and t.mean("dev") is not None]
        return [t for t in scored if (t.recipe, t.overrides, t.fidelity) == own]

    def remedies(self, stopped: Trial) -> list[Trial]:
        """Return the trials that tried to mend a stopped one."""
        return recovery.remedies_of(stopped, self.history)

    def effective(self, stopped: Trial) -> Trial | None:
        """Return the remedy of a stopped trial that helped, the best on dev if several did."""
        return recovery.effective(stopped, self.history)

    def importances(self, trials: Sequence[Trial]) -> dict[str, float]:
        """Return how much each key that trials of one recipe vary explains of their differences on dev."""
        return importance.explained(self.recipe, trials)

    def stage_file(self, number: int, place: int, run: StageRun, name: str) -> Path:
        """Return a file that a trial keeps of one of its stages."""
        return jobs.stage_folder(self.place(number), place, run.name) / name

    def begun(self, trial: Trial) -> list[Begun]:
        """Return the stages that a trial has begun."""
        return trial_reader.begun(self.place(trial.number))

    def metrics(self, trial: Trial, stage: Begun) -> list[dict[str, Any]]:
        """Return the rows that a stage of a trial has logged."""
        return trial_reader.metrics(self.place(trial.number), stage)

    def notes(self, trial: Trial) -> list[Diagnosis]:
        """Return what diagnosis rules saw at the last steps of a trial's stages, whose checkpoints were kept."""
        return trial_reader.notes(self.place(trial.number)) if trial.stages or trial.state == "RUNNING" else []

    def cleanings(self, trial: Trial) -> list[tuple[str, Cleaning]]:
        """Return (stage, what became of the rows that it gathered) of each stage of a trial that cleaned some."""
        paths = [
            (run.name, self.stage_file(trial.number, place, run, CLEANING)) for place, run in enumerate(trial.stages)
        ]
        return [(name, records.read(Cleaning, path)) for name, path in paths if path.exists()]

    def data_cards(self, trial: Trial) -> dict[str, Path]:
        """Return the data card of each stage of a trial that wrote rows itself."""
        paths = {run.name: self.stage_file(trial.number, place, run, CARD) for place, run in enumerate(trial.stages)}
        return {name: path for name, path in paths.items() if path.exists()}

    @property
    def exported(self) -> StageRun:
        """The stage that exported the winner."""
        assert self.final
        return next(run for run in self.final.stages if run.stage == "export")

    def output(self, run: StageRun) -> Path:
        """Return the folder of a stage's output in the study's store."""
        return self.store.get(run.out)

    def questions(self, split: str) -> list[str]:
        """Return the questions of a split as they were asked; [] if lm-eval's own tasks ask them."""
        path = self.items / f"{split}.jsonl"
        if not path.exists():
            return []
        with damage.noticed(path):
            asked = [row["question"] for row in items.read(path)]
        scored = max((s.n for s in self.baseline.scores if s.split == split), default=0) if self.baseline else 0
        if len(asked) < scored:
            raise damage.damaged(path, f"it has {len(asked)} items, and {scored} were scored")
        return asked

    @property
    def items(self) -> Path:
        """The folder of the goal's items."""
        return self.store.get(self._job.items.address)

    @cached_property
    def store(self) -> Store:
        """The study's store."""
        return open_store(str(self.store_folder))

    @property
    def store_folder(self) -> Path:
        """Where it is; one that was moved along with the study is found beside its ledger."""
        beside = self.folder / STORE
        return beside if beside.exists() else Path(self._job.store)

    @cached_property
    def _job(self) -> jobs.Job:
        return jobs.read(self.place(0))

    def _config(self, number: int) -> Config:
        """Return a trial's config."""
        return jobs.read_config(self.place(number))

    def _samples(self, number: int, split: str, shots: int = 0) -> Samples:
        """Return a trial's outcomes, one per item, as its score stage left them."""
        trial = self.trials[number]
        for place, run in enumerate(trial.stages):
            if (run.stage, run.split, run.shots) == ("score", split, shots):
                path = self.stage_file(number, place, run, SAMPLES)
                path = path if path.exists() else self.output(run) / SAMPLES
                return checked(path, sum(s.n for s in trial.scores if (s.split, s.shots) == (split, shots)))
        raise LookupError(f"trial {number} has no samples of {split}")


def checked(path: Path, scored: int) -> Samples:
    """Return the outcomes in a file, one for each item that was scored.

    Raises:
        FileNotFoundError: if it has gone.
        UserError: if it is damaged.
    """
    rows = damage.rows(path, path.read_bytes())
    if len(rows) != scored:
        raise damage.damaged(path, f"it has {len(rows)} items, and {scored} were scored")
    for number, row in enumerate(rows, 1):
        if lacks := sorted(OUTCOME - row.keys()):
            raise damage.damaged(path, f"it lacks {', '.join(lacks)}", number)
    return rows
