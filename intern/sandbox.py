"""Python code that nobody vouches for, run where it can harm nothing: in bubblewrap, with no network, no home, no file
that can be written, no environment, no user namespace of its own, and with bounds on time, memory and output.

Root's uid is dropped first, for the kernel bounds the number of processes of no root. What is run is process 1 there,
so that nothing in the sandbox can end it and all of it ends with it. What is left open: the kernel itself, and the
memory that System V calls (through ctypes) can hold beside RLIMIT_AS until the run ends.
"""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOBODY = 65532  # of no account; Debian's nobody, 65534, may own processes of others
PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")  # an interpreter in somebody's home is not shown in there
PATIENCE = 3  # times as long on the clock as on the processor: the machine may be busy
LIMITS = """\
import resource
for _kind, _most in {limits}:
    resource.setrlimit(getattr(resource, "RLIMIT_" + _kind), (_most, _most))
"""
PROBE = """
import json, os, socket
seen = {"pid": os.getpid(), "environment": sorted(os.environ), "places": sorted(os.listdir("/"))}
for name, attempt in {
    "network": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    "file": lambda: os.open("/", os.O_TMPFILE | os.O_RDWR),
    "process": lambda: (resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)), os.fork() or os._exit(0)),
}.items():
    try:
        attempt()
        seen[name] = "done"
    except OSError as error:
        seen[name] = type(error).__name__
print(json.dumps(seen))
"""


@dataclass(frozen=True)
class Limits:
    """What a run may take."""

    seconds: int = 4
    """Of the processor, for each process; PATIENCE times as long on the clock for all."""
    megabytes: int = 512
    """Of memory, for each process."""
    output: int = 10**6
    """Bytes of what is written to standard output, or to any file in memory."""


@dataclass(frozen=True)
class Run:
    """What came of a run."""

    output: bytes
    """What it wrote to standard output."""
    status: int | None
    """Its exit status; None if its time was up."""
    error: str = ""
    """The end of what it wrote to standard error."""


def run(source: str, given: bytes = b"", limits: Limits = Limits()) -> Run:
    """Run Python source in a sandbox. A thread may call it; so may many at once.

    Args:
        source: the code; it is passed on the command line, so that no file of ours has to be readable in there.
        given: its standard input.
        limits: what it may take.

    Raises:
        OSError: if no sandbox can be started; `lack` says why.
    """
    bounds = [("CPU", limits.seconds), ("AS", limits.megabytes * 10**6), ("FSIZE", limits.output), ("NOFILE", 32)]
    prelude = LIMITS.format(limits=[*bounds, ("CORE", 0)])
    with tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as asked:
        asked.write(given)
        asked.seek(0)
        process = subprocess.Popen(
            [*command(), "-c", prelude + source], stdin=asked, stdout=written, stderr=said, env={}, cwd="/"
        )
        try:
            status: int | None = process.wait(PATIENCE * limits.seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            process.kill()  # and with it, by --die-with-parent, all that runs in there
            process.wait()
        written.seek(0)
        said.seek(max(0, said.seek(0, os.SEEK_END) - 1000))
        return Run(written.read(limits.output), status, said.read().decode("utf-8", "replace").strip())


@cache
def command() -> tuple[str, ...]:
    """Return the words that start an interpreter in a sandbox.

    Raises:
        FileNotFoundError: if a program for it is missing; it names the program.
    """
    bwrap = located("bwrap")
    python = next((os.path.realpath(place) for place in PYTHONS if os.path.exists(place)), None)
    if python is None or not python.startswith("/usr/"):
        raise FileNotFoundError(" or ".join(PYTHONS))
    words = []
    if os.geteuid() == 0:
        words = [located("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    words += [bwrap, "--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent", "--new-session"]
    words += ["--as-pid-1", "--clearenv", "--ro-bind", python, python]
    for place in ("/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/local/lib", "/lib", "/lib64"):
        if os.path.islink(place):
            words += ["--symlink", os.readlink(place), place]
        elif os.path.isdir(place):
            words += ["--ro-bind", place, place]
    for device in ("/dev/null", "/dev/urandom"):
        words += ["--dev-bind", device, device]
    return (*words, "--remount-ro", "/", "--chdir", "/", python, "-I", "-S")


def located(program: str) -> str:
    """Return the path of a program."""
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(program)
    return path


@cache
def lack() -> str:
    """Return why there is no sandbox here, and the fix; "" if one was started and held what it must."""
    try:
        probed = run(PROBE)
    except OSError as error:
        return f"no {error.args[-1] if len(error.args) == 1 else error}: {install()}"
    try:
        seen = json.loads(probed.output)
    except ValueError:
        why = probed.error.splitlines()[-1] if probed.error else f"status {probed.status}"
        return (
            f"bubblewrap does not work here ({why[:200]}): it needs version 0.8 and user namespaces; in a container "
            "these are often closed (docker run --security-opt seccomp=unconfined opens them)"
        )
    held = {"network": "ConnectionRefusedError", "file": "OSError", "process": "BlockingIOError", "pid": 1}
    failed = [name for name, wanted in held.items() if seen.get(name) != wanted]
    failed += [name for name in ("home", "root", "etc", "tmp", "proc") if name in seen["places"]]
    failed += seen["environment"] if set(seen["environment"]) - {"LC_CTYPE", "PWD"} else []
    return f"the sandbox does not hold here: {', '.join(failed)}. No code of a model's is run" if failed else ""


def install() -> str:
    """Return how the missing programs are installed."""
    apt = "apt-get install bubblewrap util-linux python3"
    return apt if Path("/etc/debian_version").exists() else "install bubblewrap, util-linux and the system's python3"
