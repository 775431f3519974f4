"""The tools: what an agent may ask for and do. Each is a call of the command line, whose checks and messages it has.

Their schemas come from the types of `forms`, their descriptions from the docstrings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from intern.config import choices, gate
from intern.config.gate import Rejection
from intern.errors import UserError, unknown
from intern.mcp.forms import (
    Amount,
    Checked,
    Contract,
    Few,
    Gain,
    Group,
    Laid,
    Lines,
    Name,
    NewStudy,
    Place,
    Seed,
    Sentence,
    Share,
    Status,
    StudyName,
    Sweep,
)
from intern.mcp.limits import Limits, Planned, Wanted, more
from intern.mcp.running import Runs
from intern.records import Proposal, Trial
from intern.report import fmt, share
from intern.report import text as report_text
from intern.search.view import View
from intern.study import asking, budget, inbox, ledger
from intern.study.asking import Asker
from intern.study.reader import Reader
from intern.text import block

NAMED = ("goal", "model")  # what a study is called by
MOST = 100  # studies that are listed
PAGE = 20_000  # characters of a report that are given at once


class Tools:
    """The tools of a server with these limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.runs = limits, Runs(limits.outputs)

    def choices(self, kind: Group) -> list[dict[str, str]]:
        """List the goals, models, recipes or proposers that there are, with what each is."""
        if kind == "recipe":
            return [dict(zip(share.COLUMNS, row, strict=True)) for row in share.rows(self.limits.library)]
        names = self.limits.names(kind)
        return [{"name": name, "summary": str(choices.values(kind, name).get("summary", ""))} for name in names]

    def contract(self, recipe: Name) -> Contract:
        """Show a recipe's contract: the keys that overrides may set, its own values and the legal ones."""
        found = self.limits.library.load(recipe)
        rows = [{"key": key, "own": own, "legal": legal} for key, own, legal in share.contract_rows(found)]
        return Contract(recipe, found.summary, found.stages, found.suits, rows)

    def check(
        self,
        goal: Name | None = None,
        model: Name | None = None,
        recipe: Name | None = None,
        overrides: Lines | None = None,
        proposer: Name | None = None,
        trials: Amount | None = None,
        hours: Amount | None = None,
        dollars: Amount | None = None,
        seed: Seed | None = None,
    ) -> Checked:
        """Say what `start` would run with the same arguments, or every reason why not; runs nothing."""
        wanted = Wanted(goal, model, recipe, proposer, tuple(overrides or ()), trials, hours, dollars, seed)
        planned = self.limits.planned(wanted, self.free(wanted))
        return Checked(planned.command, list(planned.scope.recipes), list(planned.own.short()))

    def start(
        self,
        goal: Name | None = None,
        model: Name | None = None,
        recipe: Name | None = None,
        overrides: Lines | None = None,
        proposer: Name | None = None,
        trials: Amount | None = None,
        hours: Amount | None = None,
        dollars: Amount | None = None,
        seed: Seed | None = None,
        study: NewStudy | None = None,
    ) -> Status:
        """Start a study and return at once; it goes on by itself, also without this server. One runs at a time.

        Without a recipe it tries all that suit the goal. Overrides need one, and hold for all of its trials; leave
        them out to let the proposer, or `propose`, vary them.
        """
        wanted = Wanted(goal, model, recipe, proposer, tuple(overrides or ()), trials, hours, dollars, seed)
        name = study or self.free(wanted)
        if not self.unused(name):
            raise UserError(f"Study {name} exists. Give another name, or leave it out; `resume` continues one.")
        planned = self.limits.planned(wanted, name, self.spent(name))
        self.runs.start(name, planned.words, wanted)
        return self.status(name)

    def resume(
        self, study: StudyName, trials: Amount | None = None, hours: Amount | None = None, dollars: Amount | None = None
    ) -> Status:
        """Continue a stopped study, or one whose budget ran out; a budget that is given replaces its own, in all."""
        wanted = more(self.runs.wanted(study), trials, hours, dollars)
        self.runs.start(study, self.limits.planned(wanted, study, self.spent(study)).words, wanted)
        return self.status(study)

    def stop(self, study: StudyName) -> Status:
        """End a running study as Ctrl-C does; `resume` continues it, and what was finished is kept."""
        self.runs.wanted(study)
        if not self.runs.stop(study):
            raise UserError(f"Study {study} has been told to stop, and is still ending a trial. See `status`.")
        return self.status(study)

    def studies(self) -> list[Status]:
        """List all studies; those that a person has begun can be read, and not stopped, continued or steered."""
        names = {*self.runs.names(), *ledger.under(self.limits.outputs)}
        return [self.told(name) for name in sorted(names)[:MOST]]

    def told(self, study: str) -> Status:
        """Return where a study stands; of one that is damaged, what is wrong with it."""
        try:
            return self.status(study)
        except UserError as error:
            return Status(study, "failed", printed=[str(error)])

    def status(self, study: StudyName) -> Status:
        """Say where a study stands: its state, budget used, best trial, proposals that wait."""
        names = ledger.under(self.limits.outputs)
        found = self.runs.running()
        runs = found is not None and found.study == study
        if study not in names and study in self.runs.names():
            return Status(study, "starting" if runs else "failed", printed=[] if runs else self.runs.printed(study))
        reader = self.reader(study)
        end, best = reader.ledger.end, reader.best
        return Status(
            study,
            "running" if runs else "ended" if end else "stopped",
            len(reader.trials),
            reader.history.counted,
            round(reader.ledger.elapsed() / 3600, 4),
            fmt.line(best) if best else "",
            end["reason"] if end else "",
            inbox.waiting(reader.folder, reader.ledger.taken),
            reader.ledger.taken,
            [] if runs else self.runs.printed(study),
        )

    def ledger(self, study: StudyName, first: Place = 0, count: Few = 10) -> list[dict[str, Any]]:
        """Read a study's trials from number `first` on: what was tried and scored on dev, verdicts, refusals."""
        return [row(trial) for trial in self.reader(study).history.trials[first : first + count]]

    def diagnoses(self, study: StudyName) -> list[dict[str, Any]]:
        """Read what rules saw in a study's last trials that were stopped: symptom, remedies, and which helped."""
        reader = self.reader(study)
        return [diagnosed(trial, reader) for trial in reader.history.stopped()[-20:]]

    def report(self, study: StudyName, page: Place = 0) -> str:
        """Read a study's report as text; a page has 20,000 characters, the first is 0."""
        text = block(report_text.whole(self.reader(study)))
        part, last = text[page * PAGE : (page + 1) * PAGE], (len(text) - 1) // PAGE
        if page > last:
            raise UserError(f"page: {page}; the last is {last}")
        return f"{part}\n(page {page} of 0 to {last})" if last else part

    def propose(
        self,
        study: StudyName,
        recipe: Name,
        overrides: Lines,
        hypothesis: Sentence,
        sweep: Sweep | None = None,
        fidelity: Share = 1.0,
        seed: Seed | None = None,
        expected_gain: Gain | None = None,
    ) -> Laid:
        """Propose a trial of a study that was started here. It is tried before the proposer's own, next in order.

        It is vetted now, and refused with every reason; and again when the study takes it, which the ledger records.
        It counts in the study's budget.
        """
        planned = self.limits.planned(self.runs.wanted(study), study, self.spent(study))
        reader = self.reader(study)
        if reader.ledger.closed:
            raise UserError(f"Study {study} has ended; its test items are spent. Start another.")
        names = inbox.waiting(reader.folder, reader.ledger.taken)
        if len(names) >= inbox.MOST:
            raise UserError(f"{len(names)} proposals wait in study {study}: wait until it has taken some.")
        view = view_of(planned, reader)
        given = Proposal(
            recipe,
            overrides,  # type: ignore[arg-type]
            "sweep" if sweep else "propose",
            seed=view.seed if seed is None else seed,
            sweep=tuple(sweep or ()),
            fidelity=fidelity,
            hypothesis=hypothesis,
            expected=expected_gain,
        )
        proposal = inbox.vetted(given, view)
        if faults := proposal.faults or unfit(planned, proposal):
            raise UserError("\n".join(["The proposal is refused:", *(f"  - {fault}" for fault in faults)]))
        name = inbox.put(reader.folder, proposal)
        running = self.runs.running()
        return Laid(name, len(names) + 1, running is not None and running.study == study)

    def reader(self, study: str) -> Reader:
        """Return a study's reader.

        Raises:
            UserError: with the studies that there are, if it is none.
        """
        names = ledger.under(self.limits.outputs)
        if study not in names:
            raise UserError(unknown("study", study, names))
        return Reader(self.limits.outputs / study)

    def unused(self, name: str) -> bool:
        """Return whether no study has the name."""
        return name not in self.runs.names() and not (self.limits.outputs / name).exists()

    def free(self, wanted: Wanted) -> str:
        """Return a name for a new study."""
        parts = [value or self.limits.given.get(key, "") for key, value in asdict(wanted).items() if key in NAMED]
        name = "-".join(part.rpartition("=")[2].rpartition("/")[2] for part in parts if part) or "study"
        number = 1
        while not self.unused(f"{name}-{number}"):
            number += 1
        return f"{name}-{number}"

    def spent(self, but: str) -> float:
        """Return the dollars that the studies of agents have cost, but one."""
        if self.limits.budget.dollars is None:
            return 0.0
        names = set(ledger.under(self.limits.outputs)) & set(self.runs.names()) - {but}
        return sum(self.reader(name).ledger.dollars for name in names)

    def all(self) -> Iterator[Any]:
        """Yield the tools."""
        yield from (self.choices, self.contract, self.check, self.start, self.resume, self.stop, self.studies)
        yield from (self.status, self.ledger, self.diagnoses, self.report, self.propose)


def view_of(planned: Planned, reader: Reader) -> View:
    """Return what a proposer of a study would see now."""
    config = planned.scope.config
    left = budget.left(config.budget, reader.history, reader.ledger.elapsed())
    return asking.view(planned.scope, reader, left, Asker(reader.ledger, config))


def unfit(planned: Planned, proposal: Proposal) -> Sequence[str]:
    """Return why a proposal's values cannot go together."""
    if proposal.sweep:
        return ()
    vetted = gate.vet(planned.scope, proposal.recipe, proposal.overrides)
    return vetted.reasons if isinstance(vetted, Rejection) else ()


def row(trial: Trial) -> dict[str, Any]:
    """Return a trial as the ledger shows it, without what the stages left."""
    public = trial.public()
    return {key: value for key, value in public.items() if value not in (None, "", []) and key != "stages"}


def diagnosed(stopped: Trial, reader: Reader) -> dict[str, Any]:
    """Return what stopped a trial, and the remedy that helped."""
    assert stopped.diagnosis
    seen, best = stopped.diagnosis, reader.effective(stopped)
    told = {"trial": stopped.number, "rule": seen.rule, "stage": seen.stage, "step": seen.step, "symptom": seen.symptom}
    remedies = [list(remedy.lines()) for remedy in seen.remedies]
    return {**told, "remedies": remedies, "closed": list(seen.closed), "helped": best.number if best else None}
