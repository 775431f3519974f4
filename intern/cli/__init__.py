"""Words to calls."""

COMMANDS = (
    "check", "plan", "trials", "report", "research", "recipes", "models", "data", "cache", "doctor", "resolve", "mcp",
)  # fmt: skip
