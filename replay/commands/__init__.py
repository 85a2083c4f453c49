"""The commands, a module each: `run(arguments)` does it and answers with the exit code."""
