"""How many tokens a text has for a model, by its tokenizer.json alone: no torch, and quick."""

from collections.abc import Callable, Sequence
from pathlib import Path

from intern.config.schema import Model

FILE = "tokenizer.json"


def counter(model: Model) -> Callable[[Sequence[str]], list[int]] | None:
    """Return a function from texts to their numbers of tokens; None if the model's tokenizer.json cannot be had."""
    from tokenizers import Tokenizer

    path = file(model)
    if path is None:
        return None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # a plain Exception of Rust: a file that is torn, or newer than the library
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    return count


def file(model: Model) -> Path | None:
    """Return where the model's tokenizer.json is: in its folder, in the cache, or fetched from the Hub."""
    folder = Path(model.path)
    if folder.is_dir():
        return folder / FILE if (folder / FILE).exists() else None
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(model.path, FILE, revision=model.revision))
    except Exception:  # the border to the network: offline, gated, a repository without it
        return None
