"""The recipe and the overrides of the command line, once."""

from intern.errors import UserError
from intern.proposers import Proposals
from intern.records import Proposal
from intern.search.view import View


def propose(view: View) -> Proposals:
    """Propose the one trial, if it was not tried yet; again if a rule has stopped it and rules may no longer.

    Raises:
        UserError: if no one recipe is named.
    """
    if len(view.recipes) != 1:
        raise UserError(f"proposer=fixed runs one recipe: give recipe=NAME, one of {', '.join(view.recipes)}.")
    (recipe,) = view.recipes
    proposal = Proposal(recipe, seed=view.seed, hypothesis="as given on the command line")
    again = not view.diagnose and view.stopped(proposal)
    return () if view.tried(proposal) and not again else (proposal,)
