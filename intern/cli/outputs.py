"""Where a person's studies are: the word `outputs=DIR` of the commands that read them.

    python -m intern trials mixed-tiny outputs=path/to/folder
"""

from pathlib import Path

from intern.cli.words import shown
from intern.config.schema import Config
from intern.errors import UserError, unknown

WORD = "outputs="
COMMANDS = ("trials", "report", "recipes export", "cache")  # that take a study


def taken(words: list[str]) -> tuple[list[str], Path | None]:
    """Return the words of a subcommand without outputs=FOLDER, wherever it stands between them, and that folder.

    Raises:
        UserError: if several are given.
    """
    if words[0] not in COMMANDS and " ".join(words[:2]) not in COMMANDS:
        return words, None
    folders = [word.removeprefix(WORD) for word in words if word.startswith(WORD)]
    if len(folders) > 1:
        raise UserError(f"{WORD}… is given twice. Give one of them.")
    rest = [word for word in words if not word.startswith(WORD)]
    return rest, Path(folders[0]).expanduser() if folders else None


def folder_of(name: str, outputs: Path | None) -> Path:
    """Return the folder of a study, which is named by it or by its name under a folder of studies, the default one if
    that is None.

    Raises:
        UserError: with the studies that are there, if it is none of them.
    """
    from intern.study import ledger

    place = outputs or Path(Config().outputs)
    for folder in (place / name, Path(name)) if outputs else (Path(name), place / name):
        if (folder / ledger.FILE).exists():
            return folder
    there = f"Looked in {place}; studies elsewhere: {WORD}DIR, or the study's path."
    if not place.is_dir():
        there = f"There is no folder {place}; give that of your studies: {WORD}DIR, or the study's path."
    raise UserError(f"{unknown('study', shown(name), ledger.under(place))} {there}")
