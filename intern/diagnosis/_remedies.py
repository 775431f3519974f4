"""What may help a stopped stage: changes of one contract key each, relative to the trial's own value.

Remedies compete: each becomes a trial, and the paired comparison says which one holds. What the contract
does not open, or already stands at its bound, is left out."""

from collections.abc import Callable, Sequence

from intern.config import contract
from intern.config.contract import Choices, Domain, Range, Value
from intern.config.schema import Recipe, flat

MOST = 4  # competing remedies of one diagnosis
TRL_DEFAULTS: dict[str, Value] = {  # what an unset field means; a test compares them with the installed TRL
    "sft.learning_rate": 2e-5,
    "sft.warmup_steps": 0.0,
    "sft.weight_decay": 0.0,
    "sft.max_grad_norm": 1.0,
    "grpo.learning_rate": 1e-6,
    "grpo.warmup_steps": 0.0,
    "grpo.weight_decay": 0.0,
    "grpo.max_grad_norm": 1.0,
    "grpo.temperature": 1.0,
    "grpo.beta": 0.0,
    "grpo.epsilon_high": 0.2,
    "grpo.entropy_coef": 0.0,
    "grpo.num_generations": 8,
    "grpo.mask_truncated_completions": False,
}

Change = Callable[[Domain, Value], Value | None]
Wish = tuple[str, Change]  # a contract key, `.key` for one of the stage's own section, and what to make of its value


def remedies(recipe: Recipe, stage: str, wishes: Sequence[Wish]) -> tuple[tuple[str, ...], ...]:
    """The wishes as remedies of one override each; at most MOST, none twice, none without effect.

    A stage is restarted from its own input: of the others' keys only those of the rows that SFT learns are changed."""
    bounds, own = contract.read(recipe.tunable)[0], dict(flat(recipe))
    reach, words = {stage, *(("data", "synthetic") if stage == "sft" else ())}, []
    for name, change in wishes:
        key = f"{stage}{name}" if name.startswith(".") else name
        value = own.get(key) if own.get(key) is not None else TRL_DEFAULTS.get(key)
        if key not in bounds or key.partition(".")[0] not in reach or value is None:
            continue
        wanted = change(bounds[key], value)
        if wanted is not None and wanted != value:
            words.append(f"recipe.{key}={contract.show(wanted)}")
    return tuple((word,) for word in dict.fromkeys(words))[:MOST]


def times(factor: float) -> Change:
    """The value times a factor, brought inside the domain: the next option that way where it lists options."""

    def change(domain: Domain, value: Value) -> Value | None:
        wanted = value * factor
        if isinstance(domain, Range):
            near = min(max(domain.kind(float(f"{wanted:.2g}")), domain.low), domain.high)
            return near if (near < value) == (factor < 1) else None
        beyond = [option for option in domain.options if (option < value) == (factor < 1) and option != value]
        return min(beyond, key=lambda option: abs(option - wanted), default=None)

    return change


def more(domain: Domain, value: Value) -> Value | None:
    """A clear step up: the next option, or for a range half of what is left above, on its own scale."""
    if isinstance(domain, Choices):
        return min((option for option in domain.options if option > value), default=None)
    middle = (max(value, domain.low) * domain.high) ** 0.5 if domain.log else (value + domain.high) / 2
    near = min(max(domain.kind(float(f"{middle:.2g}")), domain.low), domain.high)
    return near if near > value else None


def to(wanted: Value) -> Change:
    """A fixed value, where the domain has it."""

    def change(domain: Domain, value: Value) -> Value | None:
        try:
            return domain.parse(contract.show(wanted))
        except ValueError:
            return None

    return change
