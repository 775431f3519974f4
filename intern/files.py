"""Files that processes share: JSON lines that are appended, JSON that is written whole, locks; and what a machine may
lack, disk or memory.

A full disk is known by whatever a library makes of it, told in one line, and leaves no file torn. A stage that does not
fit fails its trial; where the study's own records do not fit, the study stops, and the same command continues once
there is space. Want of memory is known likewise.
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

from intern import damage

SHORT = "no space left on device"  # begins the reason of a trial that failed for want of space, after the stage
SHORT_OF_MEMORY = "out of memory"  # the same for want of memory
FULL = errno.ENOSPC  # the exit status of a stage or a worker whose files did not fit
EXHAUSTED = errno.ENOMEM  # the exit status of a stage for which there was no memory
KILLED = 137  # that of a worker whose stage was killed, as the kernel does if memory runs out: 128 and SIGKILL
USED_UP = (errno.ENOSPC, errno.EDQUOT)
SIGNS = (  # what a full disk looks like where only a library's text is left
    *(os.strerror(number) for number in USED_UP),  # safetensors, shutil.Error
    "unexpected pos",  # torch.save
    "PytorchStreamWriter failed writing",
)


MEMORY_SIGNS = (  # what a library makes of want of memory, here or on an accelerator
    SHORT_OF_MEMORY,  # CUDA out of memory; CUDA error: out of memory
    os.strerror(errno.ENOMEM),  # fork, mmap
    "can't allocate memory",  # torch, on a CPU
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def cache() -> Path:
    """Return the folder of what can be made or fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intern"


def is_full(fault: BaseException | None) -> bool:
    """Return whether a fault, or one that it came from, is a disk or a quota used up."""
    return any(getattr(f, "errno", None) in USED_UP or any(sign in str(f) for sign in SIGNS) for f in causes(fault))


def is_out_of_memory(fault: BaseException | None) -> bool:
    """Return whether a fault, or one that it came from, is want of memory."""
    return any(isinstance(f, MemoryError) or any(sign in str(f) for sign in MEMORY_SIGNS) for f in causes(fault))


def causes(fault: BaseException | None) -> Iterator[BaseException]:
    """Yield a fault and those that it came from."""
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__


def for_want_of_space(reason: str | None) -> bool:
    """Return whether a trial failed because the disk was full."""
    return (reason or "").partition(": ")[2].startswith(SHORT)


def for_want_of_memory(reason: str | None) -> bool:
    """Return whether a trial failed because its memory, or an accelerator's, was used up."""
    return (reason or "").partition(": ")[2].startswith(SHORT_OF_MEMORY)


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
    new = not path.exists()
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
    if new:
        sync(path.parent)


def sync(folder: Path) -> None:
    """Put the names in a folder on disk: a power cut may lose that of a file which is there itself."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


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
    """Write JSON as `write_text` does."""
    write_text(path, json.dumps(value, indent=1))


def write_text(path: Path, text: str) -> None:
    """Write a text so that it is there whole or not at all, also after a power cut."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def link(source: Path, place: Path) -> None:
    """Put a file at another place too: the same file if the disk allows it, else a copy."""
    place.unlink(missing_ok=True)
    try:
        os.link(source, place)
    except OSError:
        shutil.copy2(source, place)


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a JSON-lines file that may be growing; [] if there is no file.

    Raises:
        UserError: if one of them is no JSON object.
    """
    return damage.rows(path, path.read_bytes()) if path.exists() else []


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[int]:
    """Hold an exclusive lock on a file, which is made if need be; yield its descriptor.

    Raises:
        BlockingIOError: if another process holds it and `wait` is false.
    """
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file.fileno()
