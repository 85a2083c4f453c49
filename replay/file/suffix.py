"""The name of an exported file; apart, so that the command line knows it without the rest."""

SUFFIX = ".tape.jsonl"
