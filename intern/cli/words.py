"""The words of the command line, before Hydra reads them: the choices of each group, paths in a name's place, and
what is given twice. Nothing is imported at its top, so that --help is quick and the doctor runs in a broken set-up.

    python -m intern goal=arithmetic model=path/to/folder recipe=path/to/file.yaml"""

from pathlib import Path

GROUPS = ("goal", "model", "recipe", "proposer", "budget", "compute")
RECIPE_FILES = (".yaml", ".yml")


def options(group: str) -> list[str]:
    """The names that a config group offers."""
    from intern.config import library, schema

    if group == "recipe":
        return ["none", *library.names()]
    return sorted(path.stem for path in (schema.ROOT / "conf" / group).glob("*.yaml"))


def once(words: list[str]) -> None:
    """Raise UserError for a choice that is made twice, of which Hydra would silently take the last."""
    from intern.errors import UserError

    keys = [word.partition("=")[0] for word in words if "=" in word]
    if twice := sorted({key for key in keys if key in GROUPS and keys.count(key) > 1}):
        raise UserError("\n".join(f"{key}=… is given twice." for key in twice))


def opened(word: str) -> list[str]:
    """`model=PATH` and `recipe=FILE.yaml` as choices that Hydra knows; names are checked and recipes loaded."""
    from intern.config import library
    from intern.errors import UserError, unknown

    key, equals, value = word.partition("=")
    if equals and not key:
        raise UserError(f'"{word}" has no key: give KEY=VALUE.')
    if key.startswith("+"):
        known(key.lstrip("+"))
    if not equals or key not in GROUPS:
        return [word]
    if "," in value:
        return [f"{key}={','.join(swept(key, value))}"]
    if key == "model" and value and value not in options("model") and ("/" in value or Path(value).is_dir()):
        return ["model=local", f"model.path={Path(value).expanduser().resolve()}"]
    value = adopted(word).partition("=")[2]
    if value not in options(key):
        raise UserError(unknown(key, value, options(key)))
    if key == "recipe" and value != "none":
        library.load(value)
    return [f"{key}={value}"]


def swept(key: str, values: str) -> list[str]:
    """The names that a sweep `KEY=A,B` goes over; raises UserError where they would not be told apart."""
    from intern.errors import UserError

    parts = [(value, opened(f"{key}={value}")) for value in values.split(",")]
    if paths := [value for value, words in parts if len(words) > 1]:
        raise UserError(
            f"{key}={values}: a folder ({', '.join(paths)}) cannot be one of several models. "
            "Run one study for each: model=PATH study=NAME."
        )
    names = [words[0].partition("=")[2] for _, words in parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{key}={values}: {', '.join(twice)} stands twice. Two files of one name: rename one.")
    return names


def adopted(word: str) -> str:
    """`recipe=FILE.yaml` as the name that the library gives the file; any other word as it is."""
    from intern.config import library

    key, _, value = word.partition("=")
    return f"recipe={library.adopt(Path(value))}" if key == "recipe" and value.endswith(RECIPE_FILES) else word


def known(key: str) -> None:
    """Raise UserError for a key that `+` would add to the schema; entries of its mappings may be added."""
    from intern.config import schema
    from intern.errors import UserError

    legal = [k for k, _ in schema.flat(schema.Config())]
    if key not in GROUPS and not key.startswith("hydra.") and not any(f"{key}.".startswith(f"{k}.") for k in legal):
        raise UserError(no_key(key))


def no_key(key: str) -> str:
    """One sentence for a key that the schema has not."""
    from intern.config import schema
    from intern.errors import did_you_mean

    legal = [*GROUPS, *(k for k, _ in schema.flat(schema.Config()))]
    return f'Unknown key "{key}".{did_you_mean(key, legal)} See --cfg job for all keys.'
