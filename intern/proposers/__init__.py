"""Proposers, one per file. A module states

propose    View → the proposals to try next, computed afresh each time, so that any process can continue a study; none
           left means that there is nothing more to try
Settings   a dataclass of fields that a person sets under `proposer` (optional)
"""

from intern import plugins
from intern.records import Proposal
from intern.search.view import View

Proposals = tuple[Proposal, ...]


def propose(name: str, view: View) -> Proposals:
    """Return what the proposer of that name wants tried next."""
    return tuple(plugins.load("proposers", name).propose(view))
