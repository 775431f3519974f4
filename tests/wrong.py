"""Wrong command lines of many kinds, made from the schema, and what a message about each has to say.

    PYTHONPATH=. python tests/wrong.py      # tries every one alone, and counts those whose message says too little
"""

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from intern.config import typed
from intern.config.choices import GROUPS
from intern.config.schema import Compute, Goal, Proposer
from intern.config.stages import recipe_stages

BASE = ("goal=arithmetic", "recipe=generated/sft_grpo", "recipe.stages=[data,synthetic,sft,grpo]")  # every stage
DECIDE = ("goal.generator", "proposer.name", "compute.launcher", "recipe.stages")  # which keys there are
SET_BY_FILE = ("recipe.name", "recipe.tunable")
NUMBERS = ["x", "-7", "nan", "-inf", "1e300", "true", "[1]", "{a: 1}", "''", "1 2"]
VALUES: dict[Any, list[str]] = {  # what no field of a type takes
    int: [*NUMBERS, "1.5", "99999999999999999999"],
    float: NUMBERS,
    bool: ["maybe", "2", "[true]", "{a: 1}", "1.5", "''"],
    str: ["[a]", "{a: 1}", "''", "'  '", "x" * 5000],
    Literal: ["nope", "[a]", "3", "''"],
    list: ["3", "x", "[[1]]", "[x,null]", "{a: 1}"],
    dict: ["3", "x", "[1]"],
}
FREE = ("recipe.summary", "goal.summary", "model.summary")  # any text
FIX = re.compile(
    r" is (not|outside) |longer than|mapping of keys|as in|did you mean|available( options in .*)?:|usage:|only|"
    r"legal( keys)?:|see --|with -m|one of |goes with|start with|names no|"
    r"(give|leave|choose|name|rename|put|add|mend|take) ",
    re.IGNORECASE,
)
SAID = {"[a]": "['a']", "[1]": "1", "[[1]]": "[1]", "[x,null]": "None", "{a: 1}": "{'a': 1}"}
SAID |= {"true": "True", "[true]": "[True]", "null": "None", "1e300": "1e+300", "x" * 5000: "xxx..."}  # as messages do


@dataclass(frozen=True)
class Wrong:
    """A command line that has to be refused."""

    words: tuple[str, ...]
    """Its words."""
    names: tuple[str, ...]
    """What its message has to name, one of them: the key, the file, the choice."""


def kind_of(hint: Any) -> tuple[Any, bool]:
    """(The type that VALUES has for a field's, whether it may be null.)"""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [kind for kind in get_args(hint) if kind is not types.NoneType]
        return kind_of(inner[0])[0], True
    return get_origin(hint) or hint, False


def leaves(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(Dotted key, type) of every field of a class and of the sections in it."""
    hints = get_type_hints(cls)
    for f in fields(cls):
        if is_dataclass(hints[f.name]):
            yield from leaves(hints[f.name], f"{prefix}{f.name}.")
        else:
            yield prefix + f.name, hints[f.name]


def keys() -> dict[str, Any]:
    """Every key of the config of BASE, with its type."""
    sections: Mapping[str, type] = {
        "goal": typed.extended(Goal, "generators", "arithmetic"),
        "proposer": typed.extended(Proposer, "proposers", "heuristic"),
        "compute": typed.extended(Compute, "launchers", "local"),
        "recipe": typed.recipe_class(tuple((name, name) for name in recipe_stages())),
    }
    return {key: hint for key, hint in leaves(typed.config_class(tuple(sections.items()))) if key not in SET_BY_FILE}


def values(key: str, hint: Any) -> list[str]:
    """Wrong values of a key, as a person writes them."""
    kind, nullable = kind_of(hint)
    wrong = [*VALUES[kind], *([] if nullable else ["null"])]
    return [text for text in wrong if text not in ("''", "'  '")] if key in FREE else wrong


def of_fields() -> Iterator[Wrong]:
    """A wrong value at every key."""
    for key, hint in keys().items():
        base = BASE[:2] if key == "recipe.stages" else BASE
        yield from (Wrong((*base, f"{key}={text}"), (key,)) for text in values(key, hint))


def together() -> list[dict[str, str]]:
    """The same, one value of each key at once; without those that decide which keys there are, and without lists and
    mappings in each other's place, of which Hydra names the first alone."""
    tables: list[dict[str, str]] = []
    for key, hint in keys().items():
        if key not in DECIDE:
            swapped = {list: "{", dict: "["}.get(kind_of(hint)[0], "?")
            for place, text in enumerate(text for text in values(key, hint) if not text.startswith(swapped)):
                tables += [{}] if place == len(tables) else []
                tables[place][key] = text
    return tables


def misspelt() -> dict[str, str]:
    """Key without its last letter → key."""
    known = keys()
    return {key[:-1]: key for key in known if "." in key and key[:-1] not in known}


def of_keys() -> Iterator[Wrong]:
    """A key that does not exist."""
    yield from (Wrong((*BASE, f"{near}=1"), (near,)) for near in misspelt())
    for key in ("lr", "hours", "epochs", "goal.", "goal..name", "goal.x.y", "recipe.nope.lora", "hydra.nope", "a.b"):
        yield Wrong((*BASE, f"{key}=1"), (key.partition(".")[0],))


def of_groups() -> Iterator[Wrong]:
    """A choice that does not exist, or a file that is none."""
    for group in GROUPS:
        for value in ("nope", "", "null", "[a]", "3", "x y", "nope,nopa", "../x", "a/b/c", "no.yaml", "x" * 300):
            if group != "model" or "/" not in value:
                yield Wrong((f"{group}={value}",), (f'{group} "{value.split(",")[0][:40]}', value or group, "xxx..."))
        yield from (Wrong((f"{group}={name}",), (name,)) for name in FILES)


FILES = {  # of every group
    "empty.yaml": b"",
    "list.yaml": b"- 1\n- 2\n",
    "text.yaml": b"hello\n",
    "open.yaml": b"a: [1, 2\n",
    "tab.yaml": b"a:\n\t- 1\n",
    "bytes.yaml": b"\x00\xff\xfe\x80",
    "key.yaml": b"nope: 3\n",
    "keys.yaml": b"{1: 2, [a]: 3}\n",
    "tag.yaml": b"name: !!python/object/apply:os.system [id]\n",
    "read.yaml": b"name: ${oc.env:HOME}\n",
    "twice.yaml": b"name: a\nname: b\n",
}
RECIPE = "stages: [synthetic, sft, grpo]\ngrpo: {num_generations: 8}\n"
RECIPES = {  # YAML under RECIPE → the key that is named
    "synthetic: {rows: -5}": "synthetic.rows",
    "synthetic: {rows: 1000000000000}": "synthetic.rows",
    "synthetic: {rows: .nan}": "synthetic.rows",
    "sft: {learning_rate: .inf}": "sft.learning_rate",
    "sft: {learning_rate: 0}": "sft.learning_rate",
    "sft: {learning_rate: 1.0e9}": "sft.learning_rate",
    "sft: {max_steps: -3}": "sft.max_steps",
    "sft: {lr_scheduler_type: warp}": "sft.lr_scheduler_type",
    "sft: {lr_scheduler_kwargs: {min_lr: .nan}}": "sft.lr_scheduler_kwargs.min_lr",
    "sft: {loss_type: grpo}": "sft.loss_type",
    "sft: {logging_steps: 0}": "sft.logging_steps",
    "rewards: {goal: .nan}": "rewards.goal",
    "rewards: {goal: 1.0e300}": "rewards.goal",
    "rewards: {goal: {weight: -.inf}}": "rewards.goal",
    "rewards: {goal: 0.0}": "rewards",
    "rewards: {}": "rewards",
    "lora: 0": "lora",
    "lora: 1000000": "lora",
    "tunable: {sft.learning_rate: {low: 1.0e-300, high: 1.0e300}}": "tunable.sft.learning_rate",
    "tunable: {sft.learning_rate: [1.0, 1.0e300]}": "tunable.sft.learning_rate",
    "tunable: {sft.max_steps: {low: -5, high: 5}}": "tunable.sft.max_steps",
    "tunable: {sft.learning_rate: {low: .nan, high: .nan}}": "tunable.sft.learning_rate",
    "tunable: {sft.lr_scheduler_type: [warp, linear]}": "tunable.sft.lr_scheduler_type",
    "tunable: {lora: {low: 1, high: 1000000}}": "tunable.lora",
}
COMMANDS = [
    *((word, "x=1") for word in ("run", "train", "version", "eval", "study", "start", "trial", "chekc")),
    *((word,) for word in ("run", "train", "list", "recipe", "trials", "report", "check", "recipes", "models")),
    *(("trials", "nope"), ("trials", "a", "b"), ("trials", "a", "--jsn"), ("trials", "--json"), ("trials", "../../x")),
    *(("report", "nope"), ("report", "a", "b"), ("report", "/etc"), ("report", "a", "outputs=x", "outputs=y")),
    *(("doctor", "x"), ("doctor", "--jsn"), ("models", "pull"), ("models", "pull", "nope"), ("models", "push", "x")),
    *(("models", "pull", "tiny"), ("models", "pull", "a", "b"), ("recipes", "lst"), ("recipes", "show")),
    *(("recipes", "show", "nope"), ("recipes", "show", "no.yaml"), ("recipes", "show", "a", "b")),
    *(("recipes", "list", "x"), ("recipes", "check"), ("recipes", "export"), ("recipes", "export", "nope")),
    *(("recipes", "export", "a", "b", "c"), ("recipes", "chek", "x"), ("recipes", "--foo"), ("check", "x")),
    *(("check", "goal=nope", "recipe=generated/sft"), ("check", "recipe=nope"), ("check", "recipe=no.yaml")),
    *(("check", "seed=-1", "recipe=generated/sft"), ("check", "recipe=generated/sft", "--foo")),
    *(("check", "recipe=generated/sft", "recipe.sft.lr=1"), ("check", "recipe=generated/sft", "+recipe.lora=1")),
    *(("check", "recipe=generated/sft", "recipe.sft.max_steps=-1"), ("check", "lr=1", "recipe=generated/sft")),
    *(("plan", "goal=nope"), ("plan", "seed=-1"), ("plan", "--foo"), ("plan", "x"), ("plan", "model=/nope")),
    *(("check", "recipe=", "recipe.sft.max_steps=40"), ("check", "--config-dir", "nowhere", "recipe=x")),
]
ODD = [
    *("=", "=3", "+=3", "++", "~", "~x", "~goal", "~recipe", "~goal.name", "x", "a b", "goal", "goal:mixed"),
    *("goal==mixed", "goal=mixed=mixed", "'goal=mixed", "goal.name='x", 'goal.name="x'),
    *("goal.kinds=[a", "goal.kinds=a]"),
    *("goal.columns={a: 1", "goal.columns={a}", "goal.name=$(id)", "goal.name=a'b", "goal[0]=1"),
    *("goal.dev[0]=1", "goal.dev_items =3", " goal.dev_items=3", "goal/dev_items=3", "goal@x=mixed", "goal:x=mixed"),
    *("+goal=nope", "++goal=nope", "+++seed=1", "-seed=1", "--seed=1", "--seed", "-s", "--config-name=x", "--cfg=x"),
    *("--cfg", "--config-dir", "--config-dir=nowhere", "-V", "--trials", "budget.trials: 3", "seed:=3", "\u0441eed=1"),
    *("seed=0,1", "seed=range(1,3)", "seed=choice(1,2)", "seed=interval(0,1)", "seed=${seed}", "seed=${oc.env:HOME}"),
    *("seed=???", "study=../../x", "study=a/b", "study=.x", "goal.name=../../x", "goal.name=a/b", "study=", "outputs="),
    *("recipe={name: x}", "recipe={name: generated/sft}", "recipe.name=x", "recipe.stages=[]", "recipe.stages=[sft]"),
    *("recipe.stages=[nope]", "recipe.data.mix=[]", "recipe.data.mix=[{goal: false}]", "recipe.rewards={nope: 1}"),
    *("diagnosis.nope.x=1", "diagnosis.nan.x=1", "diagnosis=3", "goal.scorer=nope", "goal.scorer_settings.x=1"),
    *("goal.target=2", "goal.overlap_words=-3", "goal.prompt=", "goal.prompt=hello", "compute.trial_minutes=nan"),
    *("hydra/launcher=nope", "_target_=os.system", "defaults=[x]", "goal._target_=os.system", "model._args_=[1]"),
]


def alone() -> list[Wrong]:
    """Those that are no wrong value of a key: wrong choices, files, commands, syntax."""
    lines = [*of_groups()]
    for words in COMMANDS:
        lines.append(Wrong(words, tuple(part for word in words[::-1] for part in word.split("=", 1)[::-1] if part)))
    for word in ODD:
        key = re.split(r"[=:@\[ ]", word.strip().lstrip("+~'"))[0]
        lines.append(Wrong((word,), (key, key.rpartition(".")[0] or key, f'"{word}"')))
    return lines


def shows(key: str, text: str, line: str) -> bool:
    """Whether a line of a message names a key, and what stands at it."""
    said = SAID.get(text, text)
    return line.startswith((f"{key}: ", f"{key}.")) and any(part in line for part in (said, text, f"'{said}'"))


def lacks(wrong: Wrong, status: int, out: str, err: str) -> str:
    """What a refusal lacks, beginning with the message itself; "" if nothing."""
    if status != 2 or out or not err.startswith(("intern: ", "refused:")) or "Traceback" in err:
        return f"a message and status 2: {status} {out[-300:]}{err[-300:]}"
    if not any(name[:30] in err for name in wrong.names):
        return f"what: {err}"
    if not FIX.search(err):
        return f"choices or fix: {err}"
    return f"brevity: {err}" if len(err) > 2500 else ""
