"""Changes of a value relative to what it is, inside its domain: what remedies and longer trainings are made of.

    >>> times(0.1)(Range(float, 1e-6, 1e-2, log=True), 1e-3)
    0.0001
"""

from collections.abc import Callable
from typing import Any

from intern.config.contract import Choices, Domain, Range
from intern.overrides import Value

Change = Callable[[Domain, Any], Value]  # None: the domain leaves no room for it


def times(factor: float) -> Change:
    """Change a value by a factor, brought inside the domain: the next option that way if it lists options."""

    def change(domain: Domain, value: Any) -> Value:
        if value is None:
            return None
        aim = value * factor
        if isinstance(domain, Range):
            near = within(domain, aim)
            return near if (near < value) == (factor < 1) else None
        beyond: list[Any] = [option for option in domain.options if option not in (None, value)]
        beyond = [option for option in beyond if (option < value) == (factor < 1)]
        return min(beyond, key=lambda option: abs(option - aim), default=None)

    return change


def more(domain: Domain, value: Any) -> Value:
    """Step up clearly: to the next option, or for a range by half of what is left above, on its own scale."""
    if value is None:
        return None
    if isinstance(domain, Choices):
        above: list[Any] = [option for option in domain.options if option is not None]
        return min((option for option in above if option > value), default=None)
    middle = (max(value, domain.low) * domain.high) ** 0.5 if domain.log else (value + domain.high) / 2
    near = within(domain, middle)
    return near if near > value else None


def within(domain: Range, aim: float) -> float:
    """Return the number with two digits, inside the range."""
    near: float = domain.kind(float(f"{aim:.2g}"))
    return min(max(near, domain.low), domain.high)


def to(aim: Value) -> Change:
    """Change to a fixed value, if the domain has it."""

    def change(domain: Domain, value: Any) -> Value:
        try:
            return domain.check(aim)
        except ValueError:
            return None

    return change
