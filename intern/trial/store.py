"""Where outputs of stages, base models and items are kept, by names that are hashes of their content.

Studies may share a store. An entry is there whole or not at all, and never changes: it gets its name with a digest of
each of its files, which tells when a disk or a person has damaged one of them.
"""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from intern import checkpoints, digests, files


class Store(Protocol):
    """A place for folders, by name."""

    def has(self, name: str) -> bool:
        """Return whether an entry is there."""

    def get(self, name: str) -> Path:
        """Return a local folder with an entry's files, which nobody may change."""

    def put(self, name: str, folder: Path) -> Path:
        """Take a folder over as an entry, and return where it is now; an entry that is there already stays."""

    def damage(self, name: str) -> str | None:
        """Say what is wrong with an entry that is there; None if it is as it was put."""

    def remove(self, name: str) -> None:
        """Remove an entry."""

    def making(self, name: str) -> AbstractContextManager[None]:
        """Return a context in which no other process makes this entry, as far as the store can see to it."""


class LocalStore:
    """A folder on a disk that all of a store's users see."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def has(self, name: str) -> bool:
        """Return whether an entry is there."""
        return (self.root / name).exists()

    def get(self, name: str) -> Path:
        """Return the entry's folder."""
        return (self.root / name).resolve()

    def put(self, name: str, folder: Path) -> Path:
        """Move a folder into the store with its digests, by renaming it if it lies on the same disk; a damaged entry is
        replaced."""
        place = self.root / name
        if place.exists() and self.damage(name) is None:
            shutil.rmtree(folder)
            return place
        self.remove(name)
        self.root.mkdir(parents=True, exist_ok=True)
        digests.seal(folder)
        try:
            folder.rename(place)
        except OSError:  # another disk, or another worker was quicker
            if place.exists():
                shutil.rmtree(folder)
                return place
            part = self.root / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(folder, part)
            part.rename(place)
            shutil.rmtree(folder)
        return place

    def damage(self, name: str) -> str | None:
        """Say which file of an entry is not as it was put; None if all are, or if they are links to a model's."""
        place = self.root / name
        linked = place.is_dir() and all(path.is_symlink() for path in place.iterdir())
        return None if linked else digests.broken(place)

    def remove(self, name: str) -> None:
        """Remove an entry, from its name first."""
        place, gone = self.root / name, self.root / f".{name}.gone"
        shutil.rmtree(gone, ignore_errors=True)
        if place.exists():
            place.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def link(self, name: str, folder: Path) -> None:
        """Make an entry of links to a model's folder, which stays where it is."""
        with self.making(name):
            checkpoints.link(folder, self.root / name)

    @contextmanager
    def making(self, name: str) -> Iterator[None]:
        """Wait until no other worker makes this entry, and keep others waiting."""
        self.root.mkdir(parents=True, exist_ok=True)
        with files.locked(self.root / f".{name}.lock"):
            yield


def open_store(address: str) -> LocalStore:
    """Return the store at an address: a folder."""
    return LocalStore(Path(address))
