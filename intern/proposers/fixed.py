"""The recipe and the overrides of the command line, once."""

from intern.errors import UserError
from intern.proposers import Proposals, View
from intern.records import Proposal


def propose(view: View) -> Proposals:
    """The one trial, if the ledger has it not yet."""
    if len(view.recipes) != 1:
        raise UserError(f"proposer=fixed runs one recipe: give recipe=NAME, one of {', '.join(view.recipes)}.")
    (recipe,) = view.recipes
    proposal = Proposal(recipe, seed=view.seed, hypothesis="as given on the command line")
    return () if view.tried(proposal) else (proposal,)
