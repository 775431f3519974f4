"""A stranger's chat template, rendered on trial: in a process of its own, whose time and memory are bounded.

Run as a script, it is that process: JSON on standard input, what the template writes on standard output.
"""

import json
import re
import subprocess
import sys
from datetime import datetime
from functools import cache
from typing import Any

SECONDS, MEGABYTES = 5, 1000  # a real one takes a hundredth of a second; Python alone has 25 MB
PATIENCE = 12  # times as long on the clock: the machine may be busy
HUNGRY = 3  # exit status of a template that wanted more memory
QUESTION, ANSWER = "a question", "the assistant's answer"
MASK = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")  # marks what is trained on; plain Jinja does not know it


class Unbounded(Exception):
    """A template that does not come to its end within the bounds; says which one."""


@cache
def written(template: str, eos_token: str) -> str:
    """Return what a chat template writes for a question and an answer; "" if it wants more than these.

    Raises:
        Unbounded: if it takes more time or memory than any template needs.
    """
    asked = json.dumps({"template": MASK.sub("", template), "eos_token": eos_token})
    try:
        ended = subprocess.run(
            [sys.executable, "-P", __file__], input=asked.encode(), capture_output=True, timeout=PATIENCE * SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Unbounded(f"does not end within {PATIENCE * SECONDS} seconds") from None
    if ended.returncode == HUNGRY:
        raise Unbounded(f"takes more than {MEGABYTES:,} MB of memory")
    if ended.returncode < 0:  # killed by the system, as was asked
        raise Unbounded(f"does not end within {SECONDS} seconds")
    return ended.stdout.decode()


def render(template: str, eos_token: str) -> str:
    """Return what a template writes for a question and an answer, after it was asked for an answer, too."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    loops = ["jinja2.ext.loopcontrols"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=loops)  # transformers'
    environment.globals["strftime_now"] = datetime.now().strftime
    compiled = environment.from_string(template)
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    more: dict[str, Any] = {"bos_token": "", "eos_token": eos_token}
    compiled.render(messages=turns[:1], add_generation_prompt=True, **more)
    return compiled.render(messages=turns, add_generation_prompt=False, **more)


def main() -> int:
    """Render what standard input asks for, within the bounds; return the exit status."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * 10**6, MEGABYTES * 10**6))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.write(render(**json.load(sys.stdin))[: 10**6])
    except MemoryError:
        return HUNGRY
    except Exception:  # it wants tools, a date, a function: the evaluator will say so
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
