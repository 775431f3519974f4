"""It travels: the wheel, in an empty environment and from another folder, does what a checkout does, a study too."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from intern.config import schema

CARRIED = ("conf/config.yaml", "recipes/generated/sft.yaml", "models/tiny/model.safetensors")
RECIPE = """# Twelve steps, for a test.
#   python -m intern goal=arithmetic model=tiny recipe=quick.yaml
summary: SFT for a moment
suits: [arithmetic]
stages: [synthetic, sft]
synthetic: {rows: 64}
sft: {learning_rate: 1.0e-3, max_steps: 2, max_length: 96, per_device_train_batch_size: 8}
tunable:
  sft.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
"""
SMALL = ("goal=arithmetic", "model=tiny", "goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0")

Intern = Callable[..., subprocess.CompletedProcess[str]]


def wheel(source: Path, out: Path) -> Path:
    """The wheel of a source tree, or of an sdist, built without the network."""
    words = ["wheel", str(source), "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    return next(out.glob("intern-*.whl"))


@pytest.fixture(scope="module")
def intern(tmp_path_factory: pytest.TempPathFactory) -> Intern:
    """The installed console script, run in a folder of its own; third-party packages are borrowed from here."""
    home = tmp_path_factory.mktemp("travel")
    source = home / "source"
    skip = shutil.ignore_patterns(".venv", ".git", "outputs", "__pycache__", "build", "shared")
    shutil.copytree(schema.ROOT, source, ignore=skip)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], check=True)
    python, work = home / "venv" / "bin" / "python", home / "work"
    built = wheel(source, home)
    where = ["--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(built)]
    subprocess.run([sys.executable, "-m", "pip", *where], check=True)
    site = next((home / "venv" / "lib").glob("python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth files are not read
    shutil.rmtree(source)
    work.mkdir()
    (work / "quick.yaml").write_text(RECIPE)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        script = [str(home / "venv" / "bin" / "intern"), *words]
        return subprocess.run(script, cwd=work, env=env, capture_output=True, text=True)

    run.package = site / "intern"  # type: ignore[attr-defined]
    return run


def test_the_wheel_carries_all(intern: Intern) -> None:
    """Code, configs, recipes and the embedded model lie in the package."""
    for part in CARRIED:
        assert (intern.package / part).is_file(), part  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--help"], "generated/sft"),
        (["recipes", "list"], "generated/sft_grpo"),
        (["check", "goal=arithmetic", "model=tiny", "recipe=generated/sft"], "ok: generated/sft"),
        (["check", "goal=arithmetic", "model=tiny", "recipe=quick.yaml"], "ok: file/quick"),
        (["doctor"], "goal=arithmetic model=tiny runs here"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands(intern: Intern, words: list[str], part: str) -> None:
    """Each from another folder, with nothing of the checkout in sight."""
    ended = intern(*words)
    assert ended.returncode == 0 and part in ended.stdout, ended.stderr


@pytest.mark.slow
def test_a_study(intern: Intern) -> None:
    """To its end: base and trial are scored, and the ledger says how it ended."""
    ended = intern(*SMALL, "proposer=fixed", "proposer.confirm=true", "recipe=quick.yaml")
    assert ended.returncode == 0 and "The search ended" in ended.stdout, ended.stdout + ended.stderr
    assert "file/quick" in intern("trials", "arithmetic-tiny").stdout


def test_an_sdist_makes_the_same_wheel(tmp_path: Path) -> None:
    """What goes through a package index builds like the checkout."""
    code = f"import hatchling.build as b; print(b.build_sdist({str(tmp_path)!r}))"
    made = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True, check=True)
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel(tmp_path / made.stdout.strip(), tmp_path))],
        capture_output=True,
        text=True,
    )
    assert all(f"intern/{part}" in names.stdout for part in CARRIED)
