"""Proposers, one per file: `propose(view) -> Proposals`, computed afresh from the ledger each time, so that a
study can be continued by any process. None left means that the contract is exhausted."""

from collections.abc import Mapping
from dataclasses import dataclass

from intern import files
from intern.config import contract
from intern.config.schema import Proposer, Recipe
from intern.records import Left, Proposal, Trial

Proposals = tuple[Proposal, ...]


@dataclass(frozen=True)
class View:
    """What a proposer sees: nothing of test, and nothing that it could change."""

    recipes: Mapping[str, Recipe]
    """The recipes that it may use, by name, with their contracts."""
    trials: tuple[Trial, ...]
    """The ledger."""
    incumbent: Trial
    """The best trial so far by paired comparison; the baseline at first."""
    left: Left
    """The budget that remains."""
    settings: Proposer
    """Its own config."""
    pins: tuple[str, ...]
    """`recipe.<key>=<value>` words that the command line fixed."""
    seed: int
    """Seed of the study."""

    @property
    def pinned(self) -> set[str]:
        """The contract keys that the command line fixed."""
        return {contract.split(pin)[0] for pin in self.pins}

    def own(self, trial: Trial) -> tuple[str, ...]:
        """What the trial overrides beyond the pins."""
        return tuple(word for word in trial.overrides if word not in self.pins)

    def tried(self, proposal: Proposal) -> bool:
        """Whether the ledger has this very config, seed and fidelity, whatever came of it but want of space."""
        wanted = (proposal.recipe, {*self.pins, *proposal.overrides}, proposal.seed, proposal.fidelity)
        run = (t for t in self.trials if t.kind not in ("confirm", "rollback") and not files.failed(t.reason))
        return any((t.recipe, set(t.overrides), t.seed, t.fidelity) == wanted for t in run)
