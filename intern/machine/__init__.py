"""What a machine can do, and what a stage's work needs of it: memory, seconds, and how many rows at once."""
