"""What this machine has for a study and what it lacks, what each lack costs, and the fix.

It imports nothing that it examines, so that it runs in a broken set-up and within a second. No key is ever shown.

    python -m intern doctor
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from http.client import HTTPException
from importlib import metadata, util
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from intern import hardware, sandbox
from intern.cli import table
from intern.text import say

PYTHON = (3, 11)
PINS = Path(__file__).resolve().parents[2] / "scripts" / "constraints.txt"  # in a checkout
SECONDS = 2.0  # for an answer of the Hub
MEMORY_GB, DISK_GB = 2, 2  # what a study of the embedded model takes, rounded up
ROOMY_GB = 50  # a checkpoint of 1.7 B parameters is 3.4 GB, and a study keeps one for each distinct stage
KEYS = {"ANTHROPIC_API_KEY": "no language model proposes; proposer=heuristic and random need none. Set it"}
STYLES = {"ok": "green", "warn": "yellow", "lack": "red"}
DEFAULT = "goal=arithmetic model=tiny"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    """Its name."""
    mark: str
    """ok; warn: there, but not as it should be; lack: not there."""
    seen: str
    """What is there."""
    cost: str = ""
    """What a lack costs, and the fix."""
    stops: bool = False
    """Whether the embedded default cannot run so."""


def run(as_json: bool) -> int:
    """Print every check; return 2 if something stops the embedded default."""
    made = list(checks())
    stopped = [check.what for check in made if check.stops]
    if as_json:
        say(json.dumps([asdict(check) for check in made], indent=1))
    else:
        table.show(("", "what", "seen", "cost and fix"), [(c.mark, c.what, c.seen, c.cost) for c in made], STYLES)
        say(f"\n{DEFAULT} cannot run: {', '.join(stopped)}." if stopped else f"\n{DEFAULT} runs here.")
    return 2 if stopped else 0


def checks() -> Iterator[Check]:
    """Yield every check; the request to the Hub runs beside the others."""
    answer = request(endpoint())
    yield python()
    yield from packages()
    yield cores()
    yield memory()
    yield gpu()
    yield disk(Path("outputs"))
    yield from keys()
    yield code()
    yield slurm()
    yield network(answer)


def python() -> Check:
    """Check the interpreter's version."""
    seen, needed = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, PYTHON))
    if sys.version_info >= PYTHON:
        return Check("python", "ok", seen)
    return Check("python", "warn", seen, f"{needed} or newer is needed: PYTHON=python3.12 scripts/intern", True)


def packages() -> Iterator[Check]:
    """Check what intern requires against the ranges of its own metadata and, in a checkout, the pins."""
    try:
        wanted = metadata.requires("intern") or []
        from packaging.requirements import Requirement
    except Exception as fault:  # packaging may be missing, or broken in whatever way
        name = getattr(fault, "name", None)
        seen = f"no {name}" if isinstance(fault, ImportError) and name else f"{type(fault).__name__}: {fault}"
        yield Check("packages", "lack", seen, f"nothing runs: {install()}", True)
        return
    needed = [r for r in map(Requirement, wanted) if not r.marker or r.marker.evaluate({"extra": ""})]
    sound = True
    for requirement in needed:
        seen = version(requirement.name) or ""
        if not seen or seen not in requirement.specifier:
            sound = False
            mark, wrong = ("warn", seen) if seen else ("lack", "not installed")
            yield Check(requirement.name, mark, wrong, f"{requirement} is needed: {install()}", True)
    if sound:
        yield Check("packages", "ok", f"{len(needed)} requirements met")
    if PINS.exists():
        yield pins(dict(line.split("==") for line in PINS.read_text().split()))


def pins(pinned: dict[str, str]) -> Check:
    """Check the installed versions against those that the figures of this repository were measured with."""
    seen = {name: version(name) for name in pinned}
    other = [f"{n} {v} (pin {pinned[n]})" for n, v in seen.items() if v and v.partition("+")[0] != pinned[n]]
    if not other:
        return Check("pins", "ok", f"{sum(map(bool, seen.values()))} of {len(pinned)} installed, each as pinned")
    more = f" and {len(other) - 4} more" if len(other) > 4 else ""
    return Check("pins", "warn", ", ".join(other[:4]) + more, f"figures may differ from the published: {install()}")


def version(name: str) -> str | None:
    """Return the installed version of a package; None if there is none."""
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, KeyError, OSError):  # KeyError: metadata without a version
        return None


def install() -> str:
    """Return the command or step that repairs this installation."""
    return "rm -f .venv/.installed; scripts/intern" if PINS.exists() else "install intern's wheel again"


def cores() -> Check:
    """Check how many cores this process may use."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if number > 1:
        return Check("cores", "ok", str(number))
    return Check("cores", "warn", "1", "the trial and its coordinator share it: give more budget.hours")


def memory() -> Check:
    """Check the free memory, in GB; a container's limit counts."""
    free, total = (count / 1e9 for count in hardware.memory())
    seen = f"{free:.1f} of {total:.1f} GB free"
    if free >= MEMORY_GB:
        return Check("memory", "ok", seen)
    cost = f"a study of the tiny model takes {MEMORY_GB} GB: end other programs"
    return Check("memory", "warn", seen, cost, total < MEMORY_GB)


def gpu() -> Check:
    """Check what nvidia-smi names, and whether the installed torch was built for it."""
    names = hardware.gpus()
    if not names:
        cost = "model=tiny takes minutes without one; qwen3-0.6b and qwen3-1.7b need one (24 GB or more)"
        return Check("GPU", "lack", "none that nvidia-smi names", cost)
    if cuda() is None:
        fix = "pip install --upgrade --force-reinstall torch --index-url https://download.pytorch.org/whl/cu128"
        return Check("GPU", "warn", "; ".join(names), f"torch is built for CPU alone and leaves it idle: {fix}")
    return Check("GPU", "ok", f"{'; '.join(names)}; torch for CUDA {cuda()}")


def cuda() -> str | None:
    """Return the CUDA version that torch was built for, read from its files: importing it takes seconds."""
    torch = util.find_spec("torch")
    if torch is None or torch.origin is None or not (file := Path(torch.origin).with_name("version.py")).exists():
        return None
    match = re.search(r"^cuda\b.*= *'([\d.]+)'", file.read_text(), re.MULTILINE)
    return match[1] if match else None


def disk(outputs: Path) -> Check:
    """Check room and permission in the folder of studies."""
    place = next(path for path in (outputs.absolute(), *outputs.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    seen = f"{free:.0f} GB free at {place}"
    if not place.is_dir() or not os.access(place, os.W_OK):
        return Check("disk", "lack", f"{place} cannot be written to", "give a folder that can: outputs=PATH", True)
    if free < ROOMY_GB:
        cost = f"the tiny model takes {DISK_GB} GB, others rather {ROOMY_GB}: give a roomier folder, outputs=PATH"
        return Check("disk", "warn", seen, cost, free < DISK_GB)
    return Check("disk", "ok", seen)


def keys() -> Iterator[Check]:
    """Check which keys are there; none is read further than that."""
    cost = "gated data sets (GPQA) and private models stay closed: hf auth login, or set HF_TOKEN"
    hub = bool(os.environ.get("HF_TOKEN")) or filled(token_file())
    yield Check("HF_TOKEN", "ok", "present") if hub else Check("HF_TOKEN", "lack", "absent", cost)
    for key, lost in KEYS.items():
        yield Check(key, "ok", "present") if os.environ.get(key) else Check(key, "lack", "absent", lost)


def token_file() -> Path:
    """Return the file in which huggingface_hub keeps a token, by its own rules."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()


def filled(path: Path) -> bool:
    """Return whether a file is there with something in it."""
    return path.is_file() and path.stat().st_size > 0


def code() -> Check:
    """Check for the sandbox in which the reward `code` runs what a model wrote."""
    if why := sandbox.lack():
        return Check("sandbox", "lack", why.partition(": ")[0], f"the reward code is refused: {why}")
    return Check("sandbox", "ok", "bubblewrap holds: no network, no home, no file, no process")


def slurm() -> Check:
    """Check for a cluster to send trials to."""
    if sbatch := shutil.which("sbatch"):
        return Check("Slurm", "ok", sbatch)
    return Check("Slurm", "lack", "no sbatch", "trials run on this machine alone; log in to a cluster's head node")


def endpoint() -> str | None:
    """Return the Hub's address without a password that it may hold; None if the environment forbids to ask it."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return None
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def request(url: str | None) -> Future[str]:
    """Return the Hub's answer, fetched beside the other work: "" if all is well, else what is wrong."""
    answer: Future[str] = Future()

    def ask(url: str) -> None:
        try:
            urlopen(Request(url, method="HEAD"), timeout=SECONDS).close()
            answer.set_result("")
        except HTTPError as error:
            answer.set_result("" if error.code < 500 else f"status {error.code}")
        except (OSError, ValueError, HTTPException) as error:  # no route, no name, no such scheme
            answer.set_result(str(getattr(error, "reason", error)))

    if url:
        Thread(target=ask, args=(url,), daemon=True).start()  # a name server may keep it longer than any time-out
    return answer


def network(answer: Future[str]) -> Check:
    """Check whether the Hub answers."""
    cost = "the embedded models and goals need none; Hub models and data sets do"
    url = endpoint()
    if url is None:
        return Check("network", "lack", "HF_HUB_OFFLINE is set", f"{cost}: unset it")
    host = urlsplit(url).hostname or "HF_ENDPOINT"
    try:
        fault = answer.result(timeout=SECONDS)
    except TimeoutError:
        fault = f"no answer in {SECONDS:.0f} s"
    if not fault:
        return Check("network", "ok", f"{host} answers")
    fix = "check the connection, or set HF_ENDPOINT to a mirror"
    return Check("network", "lack", f"{host}: {fault}", f"{cost}: {fix}")
