"""The findings that were labelled by hand, each with the name of the thing that it says."""

import tomllib
from pathlib import Path

from graph.findings import Insight

LABELLED = tomllib.loads((Path(__file__).parent / "findings.toml").read_text("utf-8"))
Labelled = list[tuple[str, Insight]]


def one(components: list[str], category: str, said: list[str]) -> Insight:
    title, finding = said
    fields = {
        "category": category,
        "severity": "high",
        "title": title,
        "finding": finding,
        "components": components,
        "evidence": ["E1"],
    }
    return Insight.model_validate(fields)


def groups() -> Labelled:
    return [
        (f"group-{number}", one(group["components"], group["category"], said))
        for number, group in enumerate(LABELLED["group"])
        for said in group["said"]
    ]


def singles() -> Labelled:
    single = LABELLED["single"]
    return [
        (f"single-{number}", one([name], single["category"], [title, finding]))
        for number, (name, title, finding) in enumerate(single["said"])
    ]


def vague() -> Labelled:
    known = LABELLED["vague"]
    return [("vague", one(known["components"], known["category"], said)) for said in known["said"]]
