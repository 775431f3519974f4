"""Whether two expressions of LaTeX are equal, by math-verify. This file is run as a process of its own.

Each line of standard input is [seconds, gold, answer] in JSON; a line of standard output says true, false, or null if
the check took too much time or memory. The checks are made in a fork of this process, which is ended by the first such
check and followed by another: the libraries are imported once.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

MEGABYTES = 2000  # with the libraries in it; a check takes a few
FORMS = ("1", r"\frac{1}{2}", r"\{1,2\}", r"x^2+1", r"x\le 1", r"(1,2]", r"\sqrt{2}")  # read once before the first fork


def equal(gold: str, answer: str) -> bool:
    """Return whether two expressions are equal; False if one cannot be read."""
    from math_verify import LatexExtractionConfig, parse, verify

    wanted = [LatexExtractionConfig(boxed_match_priority=0)]
    how: dict[str, Any] = {"fallback_mode": "no_fallback", "extraction_mode": "first_match", "parsing_timeout": None}
    first, second = (parse(f"\\boxed{{{text}}}", wanted, **how) for text in (gold, answer))
    return bool(first and second and verify(first, second, timeout_seconds=None))


def serve() -> None:
    """Answer every line of standard input."""
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    for line in sys.stdin:
        seconds, gold, answer = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        try:
            said = json.dumps(equal(gold, answer))
        except Exception:  # whatever sympy fails with on what is no mathematics
            said = "false"
        print(said, flush=True)


def main() -> None:
    """Import what a check needs, then serve with one fork after the other until standard input ends."""
    import logging

    logging.disable()
    for form in FORMS:
        equal(form, form)
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * 10**6, MEGABYTES * 10**6))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", flush=True)
    while True:
        child = os.fork()
        if child == 0:
            serve()
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return
        print("null", flush=True)


if __name__ == "__main__":
    main()
