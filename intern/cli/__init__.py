"""Words to calls."""

COMMANDS = ("check", "trials", "report", "research", "recipes", "models", "cache", "doctor", "resolve", "mcp")
