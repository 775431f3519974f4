"""The services that research asks: how often each may be, and which token is its own."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """How one service is asked; its address is in the settings."""

    every: float
    """Seconds between two calls, by its terms of use."""
    variable: str = ""
    """Variable of the environment with its token."""
    header: str = ""
    """Header that carries it."""
    scheme: str = ""
    """What stands before it in the header."""
    parameter: str = ""
    """Or the query's parameter that does."""


SERVICES = {
    "hub": Service(0.2, "HF_TOKEN", "authorization", "Bearer "),
    "viewer": Service(0.2, "HF_TOKEN", "authorization", "Bearer "),  # the Hub's own
    "arxiv": Service(3.0),
    "html": Service(3.0),
    "ar5iv": Service(3.0),
    "semanticscholar": Service(1.0, "S2_API_KEY", "x-api-key"),
    "openalex": Service(0.2, "OPENALEX_API_KEY", parameter="api_key"),
}


def token_of(service: Service) -> str:
    """Return the token of a service; "" if there is none."""
    return os.environ.get(service.variable, "").strip() if service.variable else ""
