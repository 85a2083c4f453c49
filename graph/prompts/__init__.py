"""The prompts, one Markdown file each, and their versions."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Prompt:
    """A prompt's text, and a version that changes with every edit."""

    text: str
    version: str


def read(name: str) -> Prompt:
    """The prompt in `graph/prompts/<name>.md`."""
    return of((Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8"))


def of(text: str) -> Prompt:
    """The prompt of that text."""
    text = text.strip()
    return Prompt(text, hashlib.sha256(text.encode()).hexdigest()[:12])
