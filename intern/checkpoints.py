"""Model folders: checked before anything starts, and named by the hash of their files.

Weights are safetensors alone. What is read of a folder is in its hash: a study sees a folder of links to these files.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from intern import chat_template, digests, foreign
from intern.errors import UserError, quote
from intern.text import as_lines

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer_config.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
ADAPTER = "adapter_config.json"  # names another model, which transformers would load in the folder's place
LONGEST = 10**8  # bytes of a JSON file: a tokenizer of 250,000 words has 34 million
AGAIN = "Save it anew beside the weights: tokenizer.save_pretrained(folder)."
SAVE = "Save it anew beside the weights: model.save_pretrained(folder)."
DTYPES = ("float32", "bfloat16", "float16")
FROZEN = ("*.json", "*.jinja", "*.model", "*.txt")  # what is read of a folder beside the weights
CODE = ("auto_map", "custom_pipelines", "custom_generate", "trust_remote_code")  # keys that name code to run
PLACES = ("_name_or_path", "name_or_path", "tokenizer_file", "special_tokens_map_file", "transformers_weights")
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
    faults = [*weight_faults(folder), *config_faults(folder)]
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        faults.append("no tokenizer (tokenizer.json); save it beside the weights: tokenizer.save_pretrained(folder)")
    else:
        faults += template_faults(folder, eos_token)
    if faults:
        raise UserError(as_lines([f"model.path={folder} cannot be used:", *(f"  - {fault}" for fault in faults)]))


def weight_faults(folder: Path) -> list[str]:
    """Return what is wrong with the weights of a folder."""
    try:
        named = weights(folder)
    except UserError as error:
        return [str(error)]
    if not named:
        there = sorted(path.name for path in folder.glob("*.safetensors"))
        seen = f"; {', '.join(there[:3])} is none of these" if there else ""
        return [f"no {WEIGHTS}, and no {INDEX} that names its parts (pickled .bin files are not loaded){seen}"]
    return [f"{INDEX} names {quote(name)}, which is not here" for name in named if not (folder / name).is_file()]


def weights(folder: Path) -> list[str]:
    """Return the names of the weights of a folder, as transformers finds them: one file, or those that an index names.

    Raises:
        UserError: if the index cannot be read, or names what is no safetensors file of the folder.
    """
    if (folder / WEIGHTS).exists():
        return [WEIGHTS]
    if not (folder / INDEX).exists():
        return []
    parts = foreign.mapping(folder / INDEX, LONGEST, SAVE).get("weight_map")
    named = sorted(map(str, parts.values())) if isinstance(parts, dict) else []
    if strange := [name for name in named if Path(name).name != name or not name.endswith(".safetensors")]:
        raise UserError(f"{INDEX} names {quote(strange[0])}, which is no *.safetensors of the folder. {SAVE}")
    return list(dict.fromkeys(named))


def config_faults(folder: Path) -> list[str]:
    """Return what is wrong with a folder's config.json, or with what would be read in its place."""
    if not (folder / CONFIG).exists():
        return ["no config.json (architecture)"]
    faults = []
    try:
        config = described(folder)
    except UserError as error:
        return [str(error)]
    if (folder / ADAPTER).exists():
        faults.append(f"{ADAPTER}: an adapter is no model. Merge it: model.merge_and_unload().save_pretrained(folder)")
    if config.get("auto_map") and not known(config.get("model_type")):
        what = f"model_type={quote(config.get('model_type'))}"
        faults.append(f"{CONFIG}: {what} is code of its own (auto_map), which is not run; transformers has none of it")
    if config.get("transformers_weights"):
        faults.append(f"{CONFIG}: transformers_weights={quote(config['transformers_weights'])}: leave it out")
    return faults


def known(model_type: object) -> bool:
    """Return whether transformers itself has an architecture."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES


def template_faults(folder: Path, eos_token: str | None) -> list[str]:
    """Return what is wrong with a folder's chat template, and with its end token beside that."""
    try:
        if not template(folder):
            return [f"no chat template (chat_template.jinja or in {TOKENIZER}); the evaluator needs one"]
        ends, eos = turn_end(folder), eos_token or own_eos(folder)
    except UserError as error:
        return [str(error)]
    except chat_template.Unbounded as error:
        return [f"its chat template {error} for one question and its answer. Mend it, or take another model"]
    if not ends or not eos or eos in ends:
        return []
    return [
        f"its chat template ends a turn with {ends!r}, and its end token is {eos!r}: answers would run on. Name "
        f"the token that ends a turn: model.eos_token='{ends}'"
    ]


def template(folder: Path) -> str | None:
    """Return the chat template of a checkpoint folder."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return foreign.text(own, LONGEST, AGAIN)
    named = settings(folder).get("chat_template")
    for one in named if isinstance(named, list) else ():  # several, each a mapping of name and template
        if isinstance(one, dict) and one.get("name") == "default":
            named = one.get("template")
    return named if isinstance(named, str) else None


def settings(folder: Path) -> dict[str, Any]:
    """Return what is in a checkpoint's tokenizer_config.json; {} if it has none."""
    path = folder / TOKENIZER
    return foreign.mapping(path, LONGEST, AGAIN) if path.exists() else {}


def turn_end(folder: Path) -> str:
    """Return what the chat template writes after an assistant's answer; "" if that cannot be told.

    Raises:
        Unbounded: if the template does not come to its end.
    """
    written = chat_template.written(template(folder) or "", own_eos(folder) or "")
    return written.partition(chat_template.ANSWER)[2].strip()


def own_eos(folder: Path) -> str | None:
    """Return the end token of a checkpoint's tokenizer."""
    token = settings(folder).get("eos_token")
    token = token.get("content") if isinstance(token, dict) else token
    return token if isinstance(token, str) else None


def stated(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint's config.json says of itself, None for what it does not say.

    Returns:
        dtype (float32, bfloat16, float16), context (its longest sequence in tokens), width (its hidden size), and
        shape (its sizes as `config.shape` names them, {} if it is not of the family of Llama).
    """
    config = described(folder)
    own = config.get("text_config")  # of a model that sees as well
    text = own if isinstance(own, dict) else config
    dtype = config.get("dtype") or config.get("torch_dtype") or text.get("dtype")
    return {
        "dtype": dtype if dtype in DTYPES else None,
        "context": counted(text.get("max_position_embeddings")),
        "width": counted(text.get("hidden_size")),
        "shape": sizes(text),
    }


def sizes(config: dict[str, Any]) -> dict[str, int]:
    """Return the sizes of a dense decoder by their names in `config.shape`; {} if one is not stated."""
    heads, hidden = counted(config.get("num_attention_heads")), counted(config.get("hidden_size"))
    found = {
        "layers": counted(config.get("num_hidden_layers")),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": counted(config.get("num_key_value_heads")) or heads,
        "head_size": counted(config.get("head_dim")) or (hidden // heads if hidden and heads else None),
        "intermediate": counted(config.get("intermediate_size")),
        "vocabulary": counted(config.get("vocab_size")),
    }
    dense = not any("expert" in key for key in config) and all(found.values())
    known = {key: value for key, value in found.items() if value}
    return {**known, "tied": int(config.get("tie_word_embeddings") is not False)} if dense else {}


def described(folder: Path) -> dict[str, Any]:
    """Return what is in a checkpoint's config.json.

    Raises:
        UserError: if it cannot be read, or is no JSON object.
    """
    return foreign.mapping(folder / CONFIG, LONGEST, SAVE)


def counted(value: object) -> int | None:
    """Return a count; None for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def architecture(folder: Path) -> dict[str, object]:
    """Return what must not change between base and export: the class and the shapes, not dtype or version notes."""
    config = described(folder)
    return {key: config.get(key) for key in SHAPE}


def parts(folder: Path) -> list[Path]:
    """Return the files of a model's folder that are read."""
    others = (ADAPTER, digests.NAME)
    beside = {path for pattern in FROZEN for path in folder.glob(pattern) if path.is_file() and path.name not in others}
    return sorted({*beside, *(folder / name for name in weights(folder))})


def link(folder: Path, place: Path) -> None:
    """Make a place a folder of links to those files of a model's folder that are read, if it is not that already."""
    wanted = {path.name: path.resolve() for path in parts(folder)}
    if place.is_dir() and not place.is_symlink() and wanted == {path.name: path.resolve() for path in place.iterdir()}:
        return
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, path in wanted.items():
        (part / name).symlink_to(path)
    if place.is_symlink():
        place.unlink()
    shutil.rmtree(place, ignore_errors=True)
    part.rename(place)


def clean(folder: Path) -> None:
    """Take out of a folder's settings what names code to run, or places of this machine."""
    for path in (folder / name for name in (CONFIG, TOKENIZER, "generation_config.json")):
        if path.exists():
            plain = without(foreign.mapping(path, LONGEST, SAVE))
            path.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def without(value: Any) -> Any:
    """Return a JSON value without the keys that name code or places, however deep they are."""
    if isinstance(value, dict):
        return {key: without(below) for key, below in value.items() if key not in (*CODE, *PLACES)}
    return [without(below) for below in value] if isinstance(value, list) else value


def digest(path: str, revision: str | None) -> str:
    """Return the SHA-256 of what is read of a local folder; a Hub model is named by repository and revision."""
    folder = Path(path)
    return files_digest(parts(folder)) if folder.is_dir() else f"hub:{path}@{revision or 'main'}"


def folder_digest(folder: Path, patterns: tuple[str, ...] = ("*",)) -> str:
    """Return the SHA-256 over names and contents of the files of one folder."""
    return files_digest({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def files_digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 over names and contents of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            total.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()};".encode())
    return total.hexdigest()
