"""Words to calls."""

COMMANDS = ("check", "trials", "report", "research", "recipes", "models", "data", "cache", "doctor", "resolve", "mcp")
