"""Words to calls."""

COMMANDS = ("check", "trials", "report", "recipes", "models", "doctor", "resolve")
