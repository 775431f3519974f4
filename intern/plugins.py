"""Plug-ins by file name: intern/<folder>/<name>.py is the registry. Listing imports nothing."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from intern.errors import UserError, unknown

HERE = Path(__file__).parent


def names(folder: str) -> list[str]:
    """The names in one plug-in folder."""
    return sorted(path.stem for path in (HERE / folder).glob("*.py") if not path.stem.startswith("_"))


def load(folder: str, name: str) -> ModuleType:
    """The module of that name; raises UserError with the names that exist."""
    if name not in names(folder):
        raise UserError(unknown(folder.rstrip("s"), name, names(folder)))
    return import_module(f"intern.{folder}.{name}")
