"""The winner's export in its place in the study, with its model card."""

import shutil

from intern import digests
from intern.records import Trial
from intern.report import card
from intern.study.reader import Reader


def publish(study: Reader, winner: Trial) -> None:
    """Copy the confirmed export to STUDY/export, with its model card, whole or not at all."""
    assert study.final
    made = study.output(study.exported)
    export, part = study.folder / "export", study.folder / "export.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        shutil.copytree(made, part, ignore=shutil.ignore_patterns(digests.NAME))
        card.write(study, part, winner)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)  # on a full disk the space is wanted back
        raise
    shutil.rmtree(export, ignore_errors=True)
    part.rename(export)
