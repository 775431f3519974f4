"""Model folders: checked before anything starts, and named by the hash of their files."""

import hashlib
import json
from pathlib import Path

from intern.errors import UserError

FROZEN = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
SHAPE = (
    *("architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("intermediate_size", "vocab_size", "max_position_embeddings", "tie_word_embeddings"),
)


def check(path: str) -> None:
    """Check a local model folder; a Hub name is checked by the first load.

    Raises:
        UserError: with every fault of the folder.
    """
    folder = Path(path)
    if not folder.is_dir():
        if folder.is_absolute() or path.startswith("."):
            raise UserError(f"No model folder at {path}. Give a folder, a Hub name, or a model of conf/model.")
        return
    faults = []
    if not (folder / "config.json").exists():
        faults.append("no config.json (architecture)")
    if not list(folder.glob("*.safetensors")):
        faults.append("no *.safetensors (weights; pickled .bin files are not loaded)")
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        faults.append("no tokenizer (tokenizer.json); save it beside the weights: tokenizer.save_pretrained(folder)")
    elif not template(folder):
        faults.append("no chat template (chat_template.jinja or in tokenizer_config.json); the evaluator needs one")
    if faults:
        raise UserError("\n".join([f"model.path={folder} cannot be used:", *(f"  - {fault}" for fault in faults)]))


def template(folder: Path) -> str | None:
    """Return the chat template of a checkpoint folder."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    settings = folder / "tokenizer_config.json"
    if not settings.exists():
        return None
    chat_template: str | None = json.loads(settings.read_text(encoding="utf-8")).get("chat_template")
    return chat_template


def architecture(folder: Path) -> dict[str, object]:
    """Return what must not change between base and export: the class and the shapes, not dtype or version notes."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {key: config.get(key) for key in SHAPE}


def digest(path: str, revision: str | None) -> str:
    """Return the SHA-256 of a local folder's files; a Hub model is named by repository and revision."""
    folder = Path(path)
    return folder_digest(folder, FROZEN) if folder.is_dir() else f"hub:{path}@{revision or 'main'}"


def folder_digest(folder: Path, patterns: tuple[str, ...] = ("*",)) -> str:
    """Return the SHA-256 over names and contents of the files of one folder."""
    total = hashlib.sha256()
    for path in sorted({p for pattern in patterns for p in folder.glob(pattern) if p.is_file()}):
        with path.open("rb") as file:
            total.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()};".encode())
    return total.hexdigest()
