"""The server: the tools over standard input and output, one call at a time, all that a client reads made harmless.

    claude mcp add intern -- python -m intern mcp budget.hours=2
"""

import functools
import gc
import threading
import types
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from intern.cli.explain import explained
from intern.errors import UserError
from intern.mcp.limits import AMOUNTS, Limits
from intern.mcp.tools import Tools
from intern.text import block, one_line, short

LONGEST = 1000  # characters of a text inside of an answer
MESSAGE = 8000  # characters of an error
LOCK = threading.Lock()  # Hydra has one config at a time
SPEAK = """Improve small language models by studies that nobody writes code for: a goal, a model, recipes with a \
contract of keys that may be changed, and trials that are compared item by item on dev.
Look: choices, contract, check. Run: start, status, ledger, diagnoses, stop, resume. Steer: propose. Learn: report.
This server gives a study at most {most}.{fixed}"""


def serve(words: Sequence[str]) -> None:
    """Serve until the client has gone.

    Args:
        words: what holds for every study, and its largest budget.

    Raises:
        UserError: with every fault of the words, or if the SDK is not installed.
    """
    limits = Limits(words)
    made(limits).run("stdio")


def made(limits: Limits) -> Any:
    """Return the server.

    Raises:
        UserError: if the SDK is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise UserError('The SDK of the Model Context Protocol is missing: pip install "intern[mcp]"') from None
    gc.enable()  # which a command that ends soon does without
    tools = [tool(call) for call in Tools(limits).all()]
    return MCPServer("intern", instructions=instructions(limits), tools=tools, log_level="ERROR")


def instructions(limits: Limits) -> str:
    """Return what a client is told first."""
    given = {name: getattr(limits.budget, name) for name in AMOUNTS}
    most = ", ".join(f"{name}={amount:g}" for name, amount in given.items() if amount is not None)
    fixed = [word for key, word in limits.given.items() if key.partition(".")[0] != "budget"]
    return SPEAK.format(most=most, fixed=f" Fixed for all of them: {one_line(' '.join(fixed))}." if fixed else "")


def tool(call: Callable[..., Any]) -> Any:
    """Return a call as a tool that refuses arguments which it does not have: the SDK drops them in silence."""
    from mcp.server.mcpserver.tools import Tool

    made = Tool.from_function(guarded(call))
    strict: Any = types.new_class("Arguments", (made.fn_metadata.arg_model,), {"extra": "forbid"})
    metadata = made.fn_metadata.model_copy(update={"arg_model": strict})
    return made.model_copy(update={"fn_metadata": metadata, "parameters": strict.model_json_schema(by_alias=True)})


def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call whose answer is harmless, and whose errors are those that a person gets."""
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(call)
    def answer(*args: Any, **named: Any) -> Any:
        with LOCK:
            try:
                found = call(*args, **named)
                return block(found) if isinstance(found, str) else harmless(found)
            except Exception as error:
                message = explained(error)
                if message is None:
                    raise
                raise ToolError(short(block(message), MESSAGE)) from None

    return answer


def harmless(value: Any) -> Any:
    """Return an answer as plain values whose texts are one short printable line each."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: harmless(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {one_line(key, LONGEST): harmless(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [harmless(one) for one in value]
    return one_line(value, LONGEST) if isinstance(value, str) else value
