"""What a proposer must do."""

from intern import proposers
from intern.config import gate, schema, typed
from intern.config.gate import Scope, Vetted
from intern.config.schema import Config
from intern.errors import UserError
from intern.records import Left, Proposal, Score, Trial
from intern.search.history import History
from intern.search.view import View

TREE = {
    "summary": "one of two",
    "stages": ["synthetic", "sft"],
    "sft": {"learning_rate": 1e-3, "max_steps": 30},
    "tunable": {
        "sft.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "synthetic.style": ["solution", "answer"],
    },
}


def check(name: str, trials: int = 12) -> None:
    """Whatever it proposes over a study's course stands in the contract, can be tried as it is, and is the same if it
    is asked again; one recipe or two."""
    for count in (1, 2):
        scope = scope_of(name, count)
        history = History([Trial(0, "baseline", "COMPLETE", scores=(score(0.2),))])
        for number in range(1, trials):
            view = View(scope.recipes, history, Left(5.0, 1.0), scope.config.proposer, scope.pins, 0)
            try:
                proposed = proposers.propose(name, view)
            except UserError:
                assert count > 1  # one that runs a single recipe may refuse two
                break
            assert proposers.propose(name, view) == proposed, "asked again, it says something else"
            if not proposed:
                break
            for proposal in proposed:
                sound(scope, proposal, history)
            first = proposed[0]
            value = 0.2 + 0.05 * (number % 5)
            history.put(Trial(number, first.kind, "COMPLETE", first.parent, first.recipe, first.overrides, first.seed,
                              scores=(score(value),), fidelity=first.fidelity))  # fmt: skip


def sound(scope: Scope, proposal: Proposal, history: History) -> None:
    """Assert that a proposal can be tried as it is."""
    assert 0.0 < proposal.fidelity <= 1.0 and isinstance(proposal.hypothesis, str)
    assert proposal.parent is None or proposal.parent < len(history.trials)
    assert not proposal.faults, proposal.faults
    contract = scope.recipes[proposal.recipe].contract
    assert set(proposal.sweep) <= contract.keys() and {key for key, _, _ in proposal.within} <= set(proposal.sweep)
    assert isinstance(gate.vet(scope, proposal.recipe, proposal.overrides), Vetted)


def scope_of(name: str, count: int) -> Scope:
    """A scope of so many recipes."""
    recipe, faults = typed.recipe(TREE)
    assert not faults
    goal = schema.Goal("sums", generator="arithmetic")
    tree = {**Config().tree(), "proposer": {"name": name}}
    return Scope(Config(goal=goal, proposer=typed.config(tree).proposer), {f"r{i}": recipe for i in range(count)})


def score(value: float) -> Score:
    """A dev score."""
    return Score("sums", "dev", "exact_match", value, 0.02, 400)
