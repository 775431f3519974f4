"""intern: post-trains small language models by itself, through Hydra configs, never code."""
