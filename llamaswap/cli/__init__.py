"""The commands: what a person types, from flags to exit codes."""
