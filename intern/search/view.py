"""What a proposer sees: read-only, and without scores on test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from intern.config.schema import Goal, Proposer, Recipe
from intern.llm import Answer, Question
from intern.overrides import Overrides
from intern.records import Left, Proposal, Trial
from intern.research.evidence import Evidence
from intern.search.history import History

NONE = Overrides()


@dataclass(frozen=True)
class View:
    """The study at one moment."""

    recipes: Mapping[str, Recipe]
    """The recipes that may be used, by name, with their contracts."""
    history: History
    """The trials so far."""
    left: Left
    """The budget that remains."""
    settings: Proposer
    """The proposer's own config."""
    pins: Mapping[str, Overrides]
    """Recipe → what the command line fixed of it."""
    seed: int
    """Seed of the study."""
    diagnose: bool = True
    """Whether the rules of diagnosis may stop a trial."""
    ask: Callable[[Question], Answer] | None = None
    """Asks a language model; its answer is in the ledger before it is returned."""
    failures: int = 0
    """How many of its last answers, since the study was started or continued, are errors."""
    goal: Goal = field(default_factory=Goal)
    """What is to be improved; without a place of its items."""
    evidence: tuple[Evidence, ...] = ()
    """What papers suggest for the goal."""
    size: float | None = None
    """Billions of parameters of the base model; None: unknown."""

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial, in order."""
        return self.history.trials

    @property
    def incumbent(self) -> Trial:
        """The best trial so far by paired comparison; the baseline at first."""
        return self.history.incumbent

    def pinned(self, recipe: str | None) -> Overrides:
        """Return what the command line fixed of a recipe."""
        return self.pins.get(recipe or "", NONE)

    def own(self, trial: Trial) -> Overrides:
        """Return what a trial overrides beyond the pins."""
        return trial.overrides.without(self.pinned(trial.recipe))

    def stopped(self, proposal: Proposal) -> bool:
        """Return whether the last trial with this config, seed and fidelity was stopped by a rule."""
        overrides = self.pinned(proposal.recipe) | proposal.overrides
        alike = [t for t in self.history.of_recipe(proposal.recipe) if t.overrides == overrides]
        alike = [t for t in alike if (t.seed, t.fidelity) == (proposal.seed, proposal.fidelity)]
        return bool(alike) and alike[-1].diagnosis is not None

    def tried(self, proposal: Proposal) -> bool:
        """Return whether this config, seed and fidelity was tried; a trial that a full disk failed does not count."""
        overrides = self.pinned(proposal.recipe) | proposal.overrides
        return self.history.has(proposal.recipe, overrides, proposal.seed, proposal.fidelity)
