"""The embedded model: clean of held-out items, small, whole, and made again by its script."""

import importlib.util
import random
import re
from itertools import islice
from pathlib import Path

import pytest
import yaml

from intern.data.items import split_of
from intern.generators import arithmetic, mixed, sorting, stories

ROOT = Path(__file__).parents[1]
TINY = ROOT / "intern" / "models" / "tiny"
ITEM = re.compile(r"(?<!\d)(?:\d{2,} ?[+-] ?\d{2,}|\d{2,} ?\* ?\d+)(?!\d)")  # one-digit steps are no items
LONGER = re.compile(r"\d+[-+*]\d+[-+]\d+(?=[.:])")  # the expression of a whole two-step story
LISTED = re.compile(r"^(\d+(?: \d+)+):|Sort ([\d ]+)\.|Which is \w+, (\d+ or \d+)\?", re.MULTILINE)
TOLD = re.compile(r"\w+ has \d+ [^:?]*\d+")
GENERATORS = {"arithmetic": arithmetic, "mixed": mixed, "sorting": sorting, "stories": stories}
CHAT = [
    {"role": "user", "content": "What is 47 + 38?"},
    {"role": "assistant", "content": "7+8=15, 4+3+1=8\nANSWER: 85"},
]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pretrain_tiny", ROOT / "scripts" / "pretrain_tiny.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(TINY)


def test_no_held_out_item_is_in_the_pretraining_stream(script):
    for text, keys in islice(script.documents(seed=0), 80_000):
        for key in keys:
            assert split_of(key) == "train", text


def test_the_stream_names_every_item_that_it_holds(script):
    """The keys are not trusted: whatever a generator could draw is looked for in the text, words included."""
    found = dict.fromkeys(("step", "whole", "list", "story"), 0)
    for text, keys in islice(script.documents(seed=1), 40_000):
        named = {
            "step": {mixed.key(step) for step in ITEM.findall(LONGER.sub("", text))},
            "whole": {mixed.key(whole) for whole in LONGER.findall(text)},
            "list": {sorting.key(" ".join(groups)) for groups in LISTED.findall(text)},
            "story": {stories.key(story) for story in TOLD.findall(text)},
        }
        assert set.union(*named.values()) <= set(keys), text
        for kind, names in named.items():
            found[kind] += len(names)
    assert min(found.values()) > 500, found


def test_the_folder_is_small_and_holds_no_pickle():
    assert sum(path.stat().st_size for path in TINY.iterdir()) <= 4_000_000
    assert {path.suffix for path in TINY.iterdir()} <= {".safetensors", ".json", ".jinja"}


def test_the_weights_load_and_the_size_is_as_stated(model, tokenizer):
    assert 500_000 <= model.num_parameters() <= 1_500_000
    assert model.config.model_type == "qwen3"
    assert model.generation_config.do_sample is False
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.pad_token_id == tokenizer.convert_tokens_to_ids("<|endoftext|>")


def test_a_training_text_round_trips(tokenizer):
    text = tokenizer.apply_chat_template(CHAT, tokenize=False)
    assert text == (
        "<|im_start|>user\nWhat is 47 + 38?<|im_end|>\n<|im_start|>assistant\n7+8=15, 4+3+1=8\nANSWER: 85<|im_end|>\n"
    )
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_the_loaded_tokenizer_is_the_one_that_was_made(tokenizer):
    from intern import scratch

    made = scratch.tokenizer()
    for text in ["What is 47 + 38?", "  two\n\nlines, l'été 北京 1234", "<|im_start|>user\nx<|im_end|>\n"]:
        assert tokenizer(text).input_ids == made(text).input_ids
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert tokenizer.chat_template == made.chat_template


def test_the_generation_marks_cover_the_reply_and_its_end(tokenizer):
    marked = tokenizer.apply_chat_template(CHAT, return_dict=True, return_assistant_tokens_mask=True)
    reply = [i for i, kept in zip(marked["input_ids"], marked["assistant_masks"], strict=True) if kept]
    assert tokenizer.decode(reply) == CHAT[1]["content"] + "<|im_end|>"


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
def test_the_examples_fit_in_the_context(generator, model, tokenizer):
    name = generator.__name__.rpartition(".")[2]
    goal = yaml.safe_load((ROOT / "conf" / "goal" / f"{name}.yaml").read_text())
    rng, turns = random.Random(0), []
    longest = max((generator.draw(rng) for _ in range(2_000)), key=lambda item: len("".join(item.values())))
    for _ in range(goal["few_shot"]):
        turns += [
            {"role": "user", "content": longest["question"]},
            {"role": "assistant", "content": longest["solution"]},
        ]
    turns.append({"role": "user", "content": longest["question"]})
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    assert len(prompt) + goal["max_new_tokens"] <= model.config.max_position_embeddings


@pytest.mark.parametrize("name", ["sft", "sft_grpo"])
def test_the_longest_chat_fits_the_stock_recipes(name, tokenizer):
    recipe = yaml.safe_load((ROOT / "recipes" / "generated" / f"{name}.yaml").read_text())
    rng = random.Random(0)
    for generator in GENERATORS.values():
        item = max((generator.draw(rng) for _ in range(2_000)), key=lambda item: len("".join(item.values())))
        chat = [{"role": "user", "content": item["question"]}, {"role": "assistant", "content": item["solution"]}]
        assert len(tokenizer.apply_chat_template(chat)["input_ids"]) <= recipe["sft"]["max_length"]


def test_a_learnt_tokenizer_keeps_digits_apart():
    from intern import scratch

    learnt = scratch.tokenizer(["hello world 1234 hello"] * 9, vocab_size=270)
    assert 259 < len(learnt) <= 270  # fewer when the texts hold no more pairs
    assert learnt.tokenize("hello 12") == ["hello", "Ġ", "1", "2"]


def test_the_script_makes_the_same_weights_twice(script, tmp_path):
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(1)
    for name in ("once", "again"):
        script.pretrain(tmp_path / name, steps=3, seed=0)
    once, again = (load_file(tmp_path / name / "model.safetensors") for name in ("once", "again"))
    assert once.keys() == again.keys()
    assert all(torch.equal(once[key], again[key]) for key in once)
