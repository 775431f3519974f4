"""The command line. The first word picks a subcommand before Hydra sees anything; with none, all words are
Hydra overrides and a study is run, or continued.

    python -m intern goal=arithmetic model=tiny"""

import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import hydra
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from intern import config, gate, ledger, library
from intern.errors import UserError, did_you_mean, unknown

CONF = str(config.ROOT / "conf")
GROUPS = ("goal", "model", "recipe", "proposer", "budget", "compute")
HELP = """intern: a goal and a small model go in; a measurably better model and the recipe that made it come out.

  python -m intern goal=GOAL model=MODEL [recipe=RECIPE] [KEY=VALUE ...]   run a study, or continue it
  python -m intern check goal=GOAL model=MODEL recipe=RECIPE [KEY=VALUE ...]   vet overrides, run nothing
  python -m intern trials STUDY [--json]   print a study's ledger
  python -m intern ... --cfg job   show the composed config;   -m KEY=A,B   one job for each value

Choices (model= and recipe= take a path too):

{choices}

Every other key and its default: --cfg job. Hydra's own flags: --hydra-help."""


def main() -> None:
    """Entry point of `python -m intern` and of the console script `intern`."""
    if {"-h", "--help"} & set(sys.argv[1:]):  # Hydra's own takes 2 seconds: it copies its store for every option
        print(HELP.format(choices="\n".join(f"  {group}: {', '.join(options(group))}" for group in GROUPS)))
        sys.exit(0)
    config.register()
    try:
        library.register()
        command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
        status = command(sys.argv[2:]) if command else study(sys.argv[1:])
    except UserError as error:
        print(f"intern: {error}", file=sys.stderr)
        status = 2
    except (HydraException, OmegaConfBaseException) as error:
        print(f"intern: {explained(error)}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("intern: stopped; the same command continues.", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # `intern trials … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        if error.filename is None:
            raise
        print(
            f"intern: {error.filename}: {error.strerror}. Give a folder that you may write to: outputs=PATH.",
            file=sys.stderr,
        )
        status = 2
    sys.exit(status)


def study(words: list[str]) -> int:
    """Run or continue a study through Hydra, so that --cfg and -m work."""
    if words and "=" not in words[0] and not words[0].startswith(("-", "~")):
        near = did_you_mean(words[0], COMMANDS)
        raise UserError(f'"{words[0]}" is neither KEY=VALUE nor a command.{near} See --help.')
    once(words)
    sys.argv[1:] = [part for word in words for part in opened(word)]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to `main`, which explains them
    outcome: list[int] = []
    hydra.main(config_path=CONF, config_name="config", version_base="1.3")(partial(job, outcome))()
    return max(outcome, default=0)


def once(words: list[str]) -> None:
    """Raise UserError for a choice that is made twice, of which Hydra would silently take the last."""
    keys = [word.partition("=")[0] for word in words if "=" in word]
    if twice := sorted({key for key in keys if key in GROUPS and keys.count(key) > 1}):
        raise UserError("\n".join(f"{key}=… is given twice." for key in twice))


def opened(word: str) -> list[str]:
    """`model=PATH` and `recipe=FILE.yaml` as choices that Hydra knows; names are checked and recipes loaded."""
    key, equals, value = word.partition("=")
    if equals and not key:
        raise UserError(f'"{word}" has no key: give KEY=VALUE.')
    if key.startswith("+"):
        known(key.lstrip("+"))
    if not equals or key not in GROUPS:
        return [word]
    if "," in value:  # a sweep
        return [f"{key}={','.join(opened(f'{key}={name}')[0].partition('=')[2] for name in value.split(','))}"]
    if key == "model" and value and value not in options("model") and ("/" in value or Path(value).is_dir()):
        return ["model=local", f"model.path={Path(value).resolve()}"]
    if key == "recipe" and value.endswith((".yaml", ".yml")):
        value = library.adopt(Path(value))
    if value not in options(key):
        raise UserError(unknown(key, value, options(key)))
    if key == "recipe" and value != "none":
        library.load(value)
    return [f"{key}={value}"]


def known(key: str) -> None:
    """Raise UserError for a key that `+` would add to the schema; entries of its mappings may be added."""
    legal = [k for k, _ in config.flat(config.Config())]
    if key not in GROUPS and not key.startswith("hydra.") and not any(f"{key}.".startswith(f"{k}.") for k in legal):
        raise UserError(no_key(key))


def no_key(key: str) -> str:
    """One sentence for a key that the schema has not."""
    legal = [*GROUPS, *(k for k, _ in config.flat(config.Config()))]
    return f'Unknown key "{key}".{did_you_mean(key, legal)} See --cfg job for all keys.'


def options(group: str) -> list[str]:
    """The names that a config group offers."""
    if group == "recipe":
        return ["none", *library.names()]
    return sorted(path.stem for path in (config.ROOT / "conf" / group).glob("*.yaml"))


def job(outcome: list[int], node: DictConfig) -> None:
    """One composed config: one study, or in a multirun one trial of it. Adds its exit status to `outcome`."""
    from rich.console import Console

    from intern import study

    try:
        composed = typed(node)
        words = tuple(HydraConfig.get().overrides.task)
        outcome.append(study.run(composed, scene_of(composed, words), Console()))
    except (UserError, OmegaConfBaseException) as error:  # Hydra prefixes what leaves a job with a line of its own
        print(f"intern: {error if isinstance(error, UserError) else explained(error)}", file=sys.stderr)
        outcome.append(2)


def typed(node: DictConfig) -> config.Config:
    """The composed config as dataclasses; raises UserError with every value that is missing."""
    if missing := OmegaConf.missing_keys(node):
        raise UserError("\n".join(f"{key} has no value. Give it: {key}=…" for key in sorted(missing)))
    return OmegaConf.to_object(node)


def scene_of(composed: config.Config, words: tuple[str, ...]) -> gate.Scene:
    """What the command line fixed, and the recipes that are left to a proposer."""
    kept = tuple(word for word in words if not word.startswith("recipe="))
    if composed.recipe.name != "none":
        if found := config.faults(composed):
            raise UserError("\n".join(["This combination cannot run:", *(f"  - {fault}" for fault in found)]))
        return gate.Scene(kept, (composed.recipe.name,))
    goal = composed.goal.name
    suiting = tuple(name for name in library.names() if goal in library.load(name).suits)
    if not suiting:
        raise UserError(f"No recipe suits goal {goal}. Name one: recipe=NAME, one of {', '.join(library.names())}.")
    return gate.Scene(kept, suiting)


def check(words: list[str]) -> int:
    """`check`: vet overrides as a proposal is vetted; print the difference, or every reason."""
    once([word for word in words if word.startswith(("goal=", "model="))])
    scene_words = [part for w in words if w.startswith(("goal=", "model=")) for part in opened(w)]
    lines = [
        f"recipe={library.adopt(Path(w[7:]))}" if re.fullmatch(r"recipe=.+\.ya?ml", w) else w
        for w in words
        if not w.startswith(("goal=", "model="))
    ]
    with initialize_config_dir(CONF, version_base="1.3"):
        scene = gate.Scene(tuple(scene_words), tuple(library.names()))
        vetted = gate.vet(scene, lines)
        if isinstance(vetted, gate.Rejection):
            print("\n".join(["refused:", *(f"  - {reason}" for reason in vetted.reasons)]), file=sys.stderr)
            return 2
        print(f"ok: {vetted.recipe} with {' '.join(vetted.overrides) or 'its own values'}")
        for key, before, now in gate.difference(vetted):
            print(f"  {key}: {before} -> {now}")
    return 0


def trials(words: list[str]) -> int:
    """`trials STUDY [--json]`: print the ledger."""
    from intern import summary

    names = [word for word in words if word != "--json"]
    if len(names) != 1 or names[0].startswith("-"):
        raise UserError(
            "Usage: python -m intern trials STUDY [--json], where STUDY is a folder or a name under outputs/."
        )
    folder = next((p for p in (Path(names[0]), Path("outputs") / names[0]) if (p / ledger.FILE).exists()), None)
    if folder is None:
        raise UserError(unknown("study", names[0], [p.parent.name for p in Path("outputs").glob(f"*/{ledger.FILE}")]))
    if "--json" in words:
        print(json.dumps([trial.public() for trial in ledger.trials(folder)], indent=1))
    else:
        print(summary.text(folder))
    return 0


def explained(error: Exception) -> str:
    """A composition error as a person needs it: what, the value, and the nearest legal key."""
    if isinstance(error, OverrideParseException):
        return f'Cannot read the word "{error.override}": give KEY=VALUE, special characters in quotes. See --help.'
    for cause in (error, error.__cause__):
        key = getattr(cause, "full_key", None) or getattr(cause, "key", None)
        if key and "not in" in str(cause):
            return no_key(str(key))
        if key and isinstance(cause, OmegaConfBaseException):
            return f"{key}: {str(cause).splitlines()[0]}."
    return " ".join(f"{error} {error.__cause__ or ''}".split())


COMMANDS = {"check": check, "trials": trials}

if __name__ == "__main__":
    main()
