"""A small Qwen3 with random weights and a tokenizer learnt from a file's texts: a base that has seen nothing.

    python scripts/make_scratch.py outputs/models/svamp --texts ../shared/data/svamp/train.jsonl \\
        --columns question_template,equation_template"""

import argparse
import json
from pathlib import Path

from intern import scratch


def main() -> None:
    """Read the texts, learn the tokenizer, write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="a JSON-lines file; train alone, never dev or test")
    parser.add_argument("--columns", default="question,answer", help="columns of the file, with commas between")
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--positions", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.texts.read_text(encoding="utf-8").splitlines()]
    texts = [str(row[column]) for row in rows for column in args.columns.split(",")]
    tokenizer = scratch.tokenizer(texts, args.vocab)
    model = scratch.qwen3(
        tokenizer, hidden=args.hidden, layers=args.layers, heads=args.heads, kv_heads=args.heads // 2,
        intermediate=3 * args.hidden, positions=args.positions, seed=args.seed,
    )
    scratch.save(model, tokenizer, args.out)
    size = model.num_parameters() / 1e6
    print(f"{args.out}: {size:.2f} M parameters, {len(tokenizer)} tokens, from {len(texts)} texts")


if __name__ == "__main__":
    main()
