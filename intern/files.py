"""A full disk: known by whatever a library makes of it, told in one line, and no file left torn by it.

A stage that does not fit fails its trial; where the study's own records do not fit, it stops, and the same command
continues once there is space.

    df -h outputs"""

import errno
import os
import shutil
from pathlib import Path

SHORT = "no space left on device"  # in the reason of a trial that failed so
FULL = errno.ENOSPC  # the exit status of a stage or a worker whose files did not fit
USED_UP = (errno.ENOSPC, errno.EDQUOT)
SIGNS = (  # where only the text is left
    *(os.strerror(number) for number in USED_UP),  # safetensors, shutil.Error
    "unexpected pos",  # torch.save
    "PytorchStreamWriter failed writing",
)


def is_full(fault: BaseException | None) -> bool:
    """Whether a fault, or one that it came from, is a disk or a quota used up."""
    while fault is not None:
        if getattr(fault, "errno", None) in USED_UP or any(sign in str(fault) for sign in SIGNS):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def failed(reason: str | None) -> bool:
    """Whether a trial failed for want of space, which says nothing about its config."""
    return SHORT in (reason or "")


def shortage(place: Path) -> str:
    """How much is left at a place where something did not fit."""
    return f"{SHORT}: {shutil.disk_usage(place).free / 1e6:,.1f} MB free at {place.resolve()}"


def message(study: Path, fault: BaseException | None = None) -> str:
    """What stops a study: how much is left, the file that did not fit where it is known, and the way on."""
    name = getattr(fault, "filename", None)
    what = f"Cannot write {Path(name).name}" if name else "Cannot go on"
    return f"{what}: {shortage(study)}. What was finished is kept: free some space, and the same command continues."


def append(path: Path, line: str) -> None:
    """Add one line, on disk before this returns. Raises OSError with the file as it was where it does not fit."""
    mend(path)
    with path.open("ab", buffering=0) as file:  # unbuffered: a buffer would be written again when the file closes
        before, left = file.tell(), f"{line}\n".encode()
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(before)
            raise OSError(error.errno, error.strerror, str(path)) from None


def mend(path: Path) -> None:
    """Cut a torn last line, in place: writing the rest anew could lose it."""
    if path.exists() and not (text := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, text.rfind(b"\n") + 1)
