"""Model folders: checked before anything starts, and named by the hash of their files."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from intern.errors import UserError, quote
from intern.text import as_lines

CONFIG = "config.json"
DTYPES = ("float32", "bfloat16", "float16")
FROZEN = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
MASK = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")  # marks what is trained on; plain Jinja does not know it
SHAPE = (
    *("architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("intermediate_size", "vocab_size", "max_position_embeddings", "tie_word_embeddings"),
)


def check(path: str, eos_token: str | None = None) -> None:
    """Check a local model folder; a Hub name is not looked at.

    Args:
        eos_token: the token that is said to end a turn; None: the tokenizer's own.

    Raises:
        UserError: with every fault of the folder.
    """
    folder = Path(path)
    if not folder.is_dir():
        if folder.is_absolute() or path.startswith("."):
            raise UserError(f"No model folder at {path}. Give a folder, a Hub name, or a model of conf/model.")
        return
    faults = []
    if not (folder / CONFIG).exists():
        faults.append("no config.json (architecture)")
    if not list(folder.glob("*.safetensors")):
        faults.append("no *.safetensors (weights; pickled .bin files are not loaded)")
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        faults.append("no tokenizer (tokenizer.json); save it beside the weights: tokenizer.save_pretrained(folder)")
    elif not template(folder):
        faults.append("no chat template (chat_template.jinja or in tokenizer_config.json); the evaluator needs one")
    elif (ends := turn_end(folder)) and (eos := eos_token or own_eos(folder)) and eos not in ends:
        faults.append(
            f"its chat template ends a turn with {ends!r}, and its end token is {eos!r}: answers would run on. Name "
            f"the token that ends a turn: model.eos_token='{ends}'"
        )
    if faults:
        raise UserError(as_lines([f"model.path={folder} cannot be used:", *(f"  - {fault}" for fault in faults)]))


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


def turn_end(folder: Path) -> str:
    """Return what the chat template writes after an assistant's answer; "" if that cannot be told."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    text, answer = MASK.sub("", template(folder) or ""), "the assistant's answer"
    turns = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": answer}]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)  # as transformers has it
    try:
        written = environment.from_string(text).render(
            messages=turns, add_generation_prompt=False, bos_token="", eos_token=own_eos(folder) or ""
        )
    except (TemplateError, TypeError, ValueError):  # it wants more than this: tools, a date, a function
        return ""
    return written.partition(answer)[2].strip()


def own_eos(folder: Path) -> str | None:
    """Return the end token of a checkpoint's tokenizer."""
    settings = folder / "tokenizer_config.json"
    token = json.loads(settings.read_text(encoding="utf-8")).get("eos_token") if settings.exists() else None
    return token.get("content") if isinstance(token, dict) else token


def stated(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint's config.json says of itself, None for what it does not say.

    Returns:
        dtype (float32, bfloat16, float16), context (its longest sequence in tokens), width (its hidden size).
    """
    config = described(folder)
    own = config.get("text_config")  # of a model that sees as well
    text = own if isinstance(own, dict) else config
    dtype = config.get("dtype") or config.get("torch_dtype") or text.get("dtype")
    return {
        "dtype": dtype if dtype in DTYPES else None,
        "context": counted(text.get("max_position_embeddings")),
        "width": counted(text.get("hidden_size")),
    }


def described(folder: Path) -> dict[str, Any]:
    """Return what is in a checkpoint's config.json.

    Raises:
        UserError: if it cannot be read, or is no JSON object.
    """
    path = folder / CONFIG
    try:
        config: object = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(config, dict):
            return config
        fault = f"holds {quote(config)}, and a JSON object is needed"
    except (ValueError, RecursionError) as error:  # no UTF-8 as well
        fault = f"is not valid JSON ({error})"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    raise UserError(f"{path} {fault}. Save it anew beside the weights: model.save_pretrained(folder).")


def counted(value: object) -> int | None:
    """Return a count; None for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def architecture(folder: Path) -> dict[str, object]:
    """Return what must not change between base and export: the class and the shapes, not dtype or version notes."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
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
