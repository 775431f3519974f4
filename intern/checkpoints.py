"""The base model, frozen: checked before anything starts, and named by the hash of its files."""

import hashlib
import json
from pathlib import Path

from intern.config.schema import Model
from intern.errors import UserError

FROZEN = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


def check(model: Model) -> None:
    """Raise UserError with every fault of a local model folder; a Hub name is checked by the first load."""
    folder = Path(model.path)
    if not folder.is_dir():
        if folder.is_absolute() or model.path.startswith("."):
            raise UserError(f"No model folder at {model.path}. Give a folder, a Hub name, or a model of conf/model.")
        return
    found = []
    if not (folder / "config.json").exists():
        found.append("no config.json (architecture)")
    if not list(folder.glob("*.safetensors")):
        found.append("no *.safetensors (weights; pickled .bin files are not loaded)")
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        found.append("no tokenizer (tokenizer.json); save it beside the weights: tokenizer.save_pretrained(folder)")
    elif not template(folder):
        found.append("no chat template (chat_template.jinja or in tokenizer_config.json); the evaluator needs one")
    if found:
        raise UserError("\n".join([f"model.path={folder} cannot be used:", *(f"  - {fault}" for fault in found)]))


def template(folder: Path) -> str | None:
    """The chat template of a checkpoint folder."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    settings = folder / "tokenizer_config.json"
    return json.loads(settings.read_text(encoding="utf-8")).get("chat_template") if settings.exists() else None


def architecture(folder: Path) -> dict[str, object]:
    """What must not change between base and export: the class and the shapes, not dtype or version notes."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    keys = (
        "architectures",
        "model_type",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
        "tie_word_embeddings",
    )
    return {key: config.get(key) for key in keys}


def digest(model: Model) -> str:
    """SHA-256 of a local folder's files; a Hub model is named by repository and revision."""
    folder = Path(model.path)
    if not folder.is_dir():
        return f"hub:{model.path}@{model.revision or 'main'}"
    return folder_digest(folder, FROZEN)


def folder_digest(folder: Path, patterns: tuple[str, ...] = ("*",)) -> str:
    """SHA-256 over names and contents of the files of one folder."""
    total = hashlib.sha256()
    for path in sorted({p for pattern in patterns for p in folder.glob(pattern) if p.is_file()}):
        with path.open("rb") as file:
            total.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()};".encode())
    return total.hexdigest()
