"""Files that processes share: JSON lines that are appended, JSON that is written whole, locks, and a full disk.

A full disk is known by whatever a library makes of it, told in one line, and leaves no file torn. A stage that does not
fit fails its trial; where the study's own records do not fit, the study stops, and the same command continues once
there is space.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SHORT = "no space left on device"  # in the reason of a trial that failed for want of space
FULL = errno.ENOSPC  # the exit status of a stage or a worker whose files did not fit
USED_UP = (errno.ENOSPC, errno.EDQUOT)
SIGNS = (  # what a full disk looks like where only a library's text is left
    *(os.strerror(number) for number in USED_UP),  # safetensors, shutil.Error
    "unexpected pos",  # torch.save
    "PytorchStreamWriter failed writing",
)


def cache() -> Path:
    """Return the folder of what can be made or fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intern"


def is_full(fault: BaseException | None) -> bool:
    """Return whether a fault, or one that it came from, is a disk or a quota used up."""
    while fault is not None:
        if getattr(fault, "errno", None) in USED_UP or any(sign in str(fault) for sign in SIGNS):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def for_want_of_space(reason: str | None) -> bool:
    """Return whether a trial failed because the disk was full, which says nothing about its config."""
    return SHORT in (reason or "")


def shortage(place: Path) -> str:
    """Say how much is left at a place where something did not fit."""
    return f"{SHORT}: {shutil.disk_usage(place).free / 1e6:,.1f} MB free at {place.resolve()}"


def full_message(study: Path, fault: BaseException | None = None) -> str:
    """Say what stops a study: how much is left, the file that did not fit if it is known, and the way on."""
    name = getattr(fault, "filename", None)
    what = f"Cannot write {Path(name).name}" if name else "Cannot go on"
    return f"{what}: {shortage(study)}. What was finished is kept: free some space, and the same command continues."


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Append one JSON object as a line that is on disk before this returns.

    Raises:
        OSError: if it does not fit; the file is then as it was.
    """
    mend(path)
    with path.open("ab", buffering=0) as file:  # unbuffered: a buffer would be written again when the file closes
        before = file.tell()
        left = f"{json.dumps(row)}\n".encode()
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(before)
            raise OSError(error.errno, error.strerror, str(path)) from None


def mend(path: Path) -> None:
    """Cut a last line that a crash has torn, in place: writing the rest anew could lose it."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def write_whole(path: Path, value: Any) -> None:
    """Write JSON so that it is there whole or not at all, also after a power cut."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a JSON-lines file that may be growing; [] if there is no file."""
    if not path.exists():
        return []
    text = path.read_bytes()
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[int]:
    """Hold an exclusive lock on a file, which is made if need be; yield its descriptor.

    Raises:
        BlockingIOError: if another process holds it and `wait` is false.
    """
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file.fileno()
