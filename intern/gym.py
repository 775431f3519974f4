"""The tasks of reasoning-gym (arXiv:2505.24760), in a process of their own: their verifiers judge what a model wrote.

The process has no secrets in its environment, a limit of memory, and for each item and each verdict a limit of
processor time, after which the system ends it, whatever it is at. An item is (task, config, seed) and is drawn anew
where it is needed: what a task keeps of it, such as tuples and enums, need not travel.

    python -c "from intern import gym; print(gym.item('chain_sum', {}, 0))"
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache, lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

from intern.errors import UserError, did_you_mean, quote
from intern.text import one_line

INSTALL = 'reasoning-gym is not installed: pip install "intern[gym]"'
DRAWING, JUDGING = 10, 5  # seconds of a processor; the slowest item of the default configs takes a second
MEMORY = 4 * 2**30  # bytes of address space; with all its libraries loaded the process has 1.5
KEPT = 8192  # items that the process keeps, so that the ones that it has drawn are judged without being drawn again
FIXED = ("seed", "size")  # of every task's config: an item is one of one
# What version 0.1.25 has, read and tried one by one; nothing else is asked, as a verifier may run what it is given.
TASKS = frozenset(
    """ab acre advanced_geometry aiw arc_1d arc_agi base_conversion basic_arithmetic bf binary_alternation binary_matrix
    bitwise_arithmetic caesar_cipher calendar_arithmetic chain_sum circuit_logic coin_flip color_cube_rotation
    complex_arithmetic count_bits count_primes countdown course_schedule cryptarithm decimal_arithmetic
    decimal_chain_sum dice emoji_mystery family_relationships figlet_font fraction_simplification futoshiki game_of_life
    gcd group_anagrams gsm_symbolic isomorphic_strings jugs kakurasu knight_swap knights_knaves largest_island lcm
    leg_counting letter_counting letter_jumble list_functions mahjong_puzzle manipulate_matrix maze mini_sudoku
    modulo_grid n_queens needle_haystack number_filtering number_format number_sequence number_sorting
    palindrome_generation palindrome_partitioning path_star polynomial_equations pool_matrix power_function
    prime_factorization products quantum_lock ransom_note rearc rectangle_count rotate_matrix rotten_oranges
    self_reference sentence_reordering shortest_path simple_equations simple_geometry sokoban spell_backward
    spiral_matrix string_insertion string_manipulation string_splitting string_synthesis sudoku survo syllogism
    time_intervals tower_of_hanoi tsumego word_ladder word_sequence_reversal word_sorting zebra_puzzles""".split()  # noqa: SIM905
)
REFUSED = {
    **dict.fromkeys(
        ("simple_integration", "intermediate_integration", "polynomial_multiplication"),
        "its verifier runs the answer as Python code",
    ),
    **dict.fromkeys(
        ("boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"), "its items have no answer"
    ),
    "codeio": "its items are programs that are run, and they differ from run to run",
    "composite": "it is a mixture of other tasks",
    "game_of_life_halting": "its verifier finds every answer right",
    "puzzle24": "its verifier does not ask for the numbers of the question",
}
LASTING = ("arc_agi", "figlet_font", "group_anagrams", "rearc", "spell_backward", "word_ladder")  # files are read first


class Ended(UserError):
    """The process was ended within a request: that took too long."""


@cache
def version() -> str:
    """Return the version of reasoning-gym.

    Raises:
        UserError: if it is not installed.
    """
    if util.find_spec("reasoning_gym") is None:
        raise UserError(INSTALL)
    return metadata.version("reasoning_gym")


def fault(task: str) -> str | None:
    """Return why a task cannot be asked, if it cannot."""
    if task in TASKS:
        return None
    if task in REFUSED:
        return f"{task} is not offered: {REFUSED[task]}. Choose one of the {len(TASKS)} others"
    near = did_you_mean(task, TASKS)
    return f'Unknown task "{one_line(task, 200)}".{near} Available are {len(TASKS)}: {", ".join(sorted(TASKS))}'


def config_faults(task: str, config: Mapping[str, Any]) -> list[str]:
    """Return a line for each fault of a task's config, of which an item is drawn to see what it takes."""
    try:
        return list(ask("config_faults", task, config))
    except Ended as error:
        return [str(error)]


def item(task: str, config: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Return the question and the answer of one item.

    Raises:
        UserError: if the task cannot draw it; it is Ended if it takes too long.
    """
    drawn: dict[str, str] = ask("item", task, config, seed=seed)
    return drawn


def score(task: str, config: Mapping[str, Any], seed: int, answer: str) -> float:
    """Return what the task's own verifier gives an answer, in [0, 1]; 0 if it takes too long."""
    try:
        return min(1.0, max(0.0, float(ask("score", task, config, seed=seed, answer=answer, judging=JUDGING))))
    except Ended:
        return 0.0


def ask(what: str, task: str, config: Mapping[str, Any], **more: Any) -> Any:
    """Return what the process makes of a request.

    Raises:
        UserError: if the task is not one that may be asked, or what went wrong in the process.
        Ended: if it was ended.
    """
    if why := fault(task):
        raise UserError(f"{why}.")
    if started(os.getpid(), version()).poll() is not None:  # ended by somebody else
        started.cache_clear()
    process = started(os.getpid(), version())
    request = {"what": what, "seconds": DRAWING, "task": task, "config": dict(config), **more}
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        reply = json.loads(process.stdout.readline())
    except (BrokenPipeError, json.JSONDecodeError):
        started.cache_clear()
        process.wait()
        what = f"An item of {task} with {quote(dict(config))}"
        raise Ended(f"{what} takes more than {DRAWING} s, or all memory: make it smaller") from None
    if "fault" in reply:
        raise UserError(f"reasoning-gym, {task}: {one_line(reply['fault'], 500)}.")
    return reply["value"]


@cache
def started(pid: int, version: str) -> Any:
    """Return the process that answers to this one, started once; a fork takes one of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    fixed = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    place = {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [sys.executable, "-m", "intern.gym"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**kept, **fixed, **place},
        encoding="utf-8",
    )


def serve() -> None:
    """Answer requests, one JSON object a line, until there are no more."""
    import resource

    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # tasks print
    with suppress(OSError, ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import reasoning_gym  # noqa: F401 - 3 seconds, which are of no request

    for line in sys.stdin:
        request = json.loads(line)
        limit(request.pop("seconds"))
        try:
            reply = {"value": ANSWERS[request.pop("what")](**request)}
        except Exception as error:
            reply = {"fault": f"{type(error).__name__}: {error}"}
        limit(0)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def limit(seconds: float) -> None:
    """Have the system end this process after so much processor time; 0: never."""
    import signal

    signal.setitimer(signal.ITIMER_PROF, seconds)


def faults_here(task: str, config: Mapping[str, Any]) -> list[str]:
    """Return a line for each key that a task's config does not have, each value of another type, and what the task has
    against them; of a sound one draw an item."""
    from dataclasses import fields

    from pydantic import ValidationError
    from reasoning_gym.factory import DATASETS

    cls = DATASETS[task][1]
    shown = {f.name: quote(getattr(cls(), f.name)) for f in fields(cls) if f.name not in FIXED}
    legal = ", ".join(f"{name}={default}" for name, default in shown.items())
    strange = [name for name in config if name not in shown]
    if strange:
        lines = [f"{name}: {task} has no such setting.{did_you_mean(name, shown)}" for name in strange]
        return [*lines[:-1], f"{lines[-1]} It has {legal}"]
    try:
        entry(task, json.dumps(config), 0)
    except ValidationError as error:
        return [f"{'.'.join(map(str, e['loc']))}: {quote(e['input'])}: {e['msg']}" for e in error.errors()]
    except Exception as error:
        return [f"{quote(dict(config))}: {type(error).__name__}: {error}. {task} has {legal}"]
    return []


def item_here(task: str, config: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Return the question and the answer of an item."""
    drawn = entry(task, json.dumps(config), seed)
    return {name: str(drawn[name]) for name in ("question", "answer")}


def score_here(task: str, config: Mapping[str, Any], seed: int, answer: str, judging: float) -> float:
    """Return what a task's verifier gives an answer; 0 if it cannot read it."""
    given = json.dumps(config)
    drawn = deepcopy(entry(task, given, seed))  # a verifier may write into it
    judge = lasting(task, given)
    limit(judging)
    try:
        return float(judge.score_answer(answer=answer, entry=drawn))
    except Exception:  # prime_factorization and others do not expect words
        return 0.0


@lru_cache(KEPT)
def entry(task: str, config: str, seed: int) -> Any:
    """Return the library's own item; whatever draws at random beside the task's own generator is seeded too."""
    import random

    import numpy

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    if task not in LASTING:
        return dataset(task, config, seed)[0]
    source = lasting(task, config)
    source.seed = seed
    return source[0]


@cache
def lasting(task: str, config: str) -> Any:
    """Return a data set that is kept, for its files or for its verifier."""
    return dataset(task, config, 0)


def dataset(task: str, config: str, seed: int) -> Any:
    """Return the library's data set of one item, with a config as JSON."""
    import reasoning_gym

    return reasoning_gym.create_dataset(task, **deepcopy(values(task, config)), seed=seed, size=1)


@cache
def values(task: str, config: str) -> dict[str, Any]:
    """Return the values of a config, each of the type that the task wants."""
    from pydantic import TypeAdapter
    from reasoning_gym.factory import DATASETS

    given = json.loads(config)
    typed = TypeAdapter(DATASETS[task][1]).validate_python(given)
    return {name: getattr(typed, name) for name in given}


ANSWERS: dict[str, Callable[..., Any]] = {"config_faults": faults_here, "item": item_here, "score": score_here}

if __name__ == "__main__":
    serve()
