"""What earlier studies on this machine say of its speed: what their stages took, beside what is computed."""

from collections.abc import Iterator
from pathlib import Path

from intern.config import stages
from intern.config.cost import Lengths
from intern.config.schema import Config, Model
from intern.errors import UserError
from intern.machine import speed
from intern.machine.target import Target
from intern.records import Trial
from intern.study import ledger
from intern.study.reader import Reader

NEWEST = 4  # trials of a study that are looked at: each one's config is read
STUDIES = 4  # the newest
AGAIN = 1.15  # times longer or shorter a stage takes when it is run again


def ratios(config: Config, lengths: Lengths, target: Target, rows: int | None) -> dict[str, list[float]]:
    """Return stage → measured over computed seconds, of the newest studies of the same goal and model."""
    found: dict[str, list[float]] = {}
    place = Path(config.outputs)
    folders = [place / name for name in ledger.under(place)] if place.is_dir() else []
    for folder in sorted(folders, key=lambda path: -(path / ledger.FILE).stat().st_mtime)[:STUDIES]:
        try:
            for stage, ratio in of_study(Reader(folder), config, lengths, target, rows):
                found.setdefault(stage, []).append(ratio)
        except (UserError, OSError):  # a damaged study says nothing, and stops nobody
            continue
    return found


def of_study(
    study: Reader, config: Config, lengths: Lengths, target: Target, rows: int | None
) -> Iterator[tuple[str, float]]:
    """Yield (stage, measured over computed seconds) of the newest trials of a study of the same goal and model."""
    named = {key: study.identity.get(key, {}).get("name") for key in ("goal", "model")}
    if named != {"goal": config.goal.name, "model": config.model.name}:
        return
    ended = [trial for trial in study.trials if trial.state == "COMPLETE" and not trial.reason]
    for trial in ended[-NEWEST:]:
        yield from of_trial(study, trial, config.model, lengths, target, rows)


def of_trial(
    study: Reader, trial: Trial, model: Model, lengths: Lengths, target: Target, rows: int | None
) -> Iterator[tuple[str, float]]:
    """Yield (stage, measured over computed seconds) of the stages that a trial ran."""
    if not trial.stages:
        return
    config = study.config(trial.number)
    config.model.shape = model.shape
    recipe = study.trained(trial) if trial.recipe else config.recipe
    for run in trial.stages:
        stage = stages.stage(run.stage)
        own = {"split": run.split, "shots": run.shots} if run.split else {}
        settings = getattr(recipe, run.name) if run.name in recipe.kinds else stage.settings(**own)
        computed = speed.seconds(stage.cost(settings, config, rows), config, lengths, target)
        if not run.reused and computed and (stage.trains or run.split):
            yield run.stage, run.seconds / computed.middle
