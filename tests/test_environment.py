"""The environment holds keys: nothing that a person writes, on the command line or in a file, is resolved from it."""

from pathlib import Path

import commandline
import pytest
from commandline import SECRET, Run

from intern.config import choices

run = commandline.run  # the fixture
GOAL = ("goal=arithmetic", "model=tiny")
ONE = "stages: [synthetic, sft]\nsft: {max_steps: 5, max_length: 96}\n"
READS = "${oc.env:SECRET}"


@pytest.fixture(autouse=True)
def no_named_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """--config-dir of one test is not that of the next."""
    monkeypatch.setattr(choices, "NAMED", [])


PLACES = [
    *(f"{key}={READS}" for key in ("study", "outputs", "seed", "goal.name", "model.path", "budget.hours")),
    *(f"{key}={READS}" for key in ("recipe.sft.max_steps", "recipe.summary", "goal.columns.question", "hydra.run.dir")),
    *(f"{key}=['{READS}']" for key in ("goal.kinds", "goal.deny", "recipe.stages", "recipe.sources")),
    *(f"{key}={{a: '{READS}'}}" for key in ("goal.scorer_settings", "diagnosis.nan", "recipe.rewards")),
    f"++new.key={READS}",
    f"goal.prompt='{{question}} {READS}'",
    "goal.prompt=${oc.decode:${oc.env:SECRET}}",
    "goal.prompt='{question} ${oc.env:${goal.name},SECRET}'",
    "study=${env:SECRET}",
    "outputs=${ oc.env : SECRET}",
    f"+hydra.job.env_set.X={READS}",
    f"hydra.job.name={READS}",
    f"{READS}=1",
    f"model=./{READS}",
]


@pytest.mark.parametrize("word", PLACES)
def test_the_environment_is_not_read(word: str, run: Run) -> None:
    """From no word of the command line; the message says that it cannot be."""
    (Path.cwd() / READS).mkdir()
    words = ["goal=arithmetic"] if word.startswith("model=") else [*GOAL]
    for more in (("--cfg", "job"), ("recipe=generated/sft", "budget.trials=0.001")):
        ended = run(*words, word, *more)
        assert ended.status == 2 and SECRET not in ended.out + ended.err, ended
        assert "the environment and other resolvers cannot be read from a config" in ended.err, ended.err
    assert not any(SECRET in path.name for path in Path.cwd().rglob("*"))


def test_a_sweep_does_not_read_it(run: Run) -> None:
    """Each job is refused."""
    ended = run("-m", *GOAL, f"seed={READS},{READS}", "recipe=generated/sft")
    assert ended.status == 2 and SECRET not in ended.out + ended.err
    assert "the environment and other resolvers" in ended.err


@pytest.mark.parametrize("command", [(), ("check",)])
def test_a_file_may_be_named_as_it_likes(command: tuple[str, ...], run: Run) -> None:
    """The name of a recipe's file is no text that is composed: it is taken as it stands."""
    file = Path.cwd() / f"{READS}.yaml"
    file.write_text(ONE)
    ended = run(*command, *GOAL, f"recipe=./{file.name}", *(() if command else ("--cfg", "job")))
    assert ended.status == 0 and SECRET not in ended.out, ended.err
    assert "oc.env" in run("recipes", "show", file.name).out
    goal = file.with_name(f"{READS}.yml")
    goal.write_text("generator: arithmetic\n")
    ended = run(f"goal=./{goal.name}", "model=tiny", "--cfg", "job")
    assert ended.status == 0 and SECRET not in ended.out, ended.err


@pytest.mark.parametrize("group", ["goal", "model", "recipe", "compute", "budget", "proposer"])
@pytest.mark.parametrize("named", [True, False])
def test_no_file_reads_it(group: str, named: bool, run: Run) -> None:
    """Neither a file that a word names, nor one of --config-dir."""
    folder = Path.cwd() / "conf" / group
    folder.mkdir(parents=True)
    (folder / "odd.yaml").write_text(f"summary: {READS}\n{ONE}" if group == "recipe" else f"name: {READS}\n")
    chosen = f"{group}={folder / 'odd.yaml' if named or group == 'recipe' else 'odd'}"
    others = [word for word in GOAL if not word.startswith(group)]
    ended = run(*others, chosen, "--config-dir", "conf", "--cfg", "job")
    assert ended.status == 2 and SECRET not in ended.out + ended.err, ended
    assert "interpolation (${…}) and ??? are not allowed" in ended.err, ended.err
