"""Words to calls."""

COMMANDS = ("check", "trials", "report", "recipes", "models", "cache", "doctor", "resolve")
