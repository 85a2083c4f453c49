"""What the doctor prints: a line for each check, or one JSON document."""

import json
from collections.abc import Sequence

from server.doctor.check import Check

NAME_WIDTH = 13


def line(check: Check) -> str:
    """Name, seconds and outcome, in columns."""
    told = "; ".join(part for part in (check.detail, check.remedy) if part)
    return f"{check.name:{NAME_WIDTH}}  {check.seconds:5.1f} s  {check.status}: {told}"


def document(checks: Sequence[Check]) -> str:
    """The same for a program."""
    entries = [
        {
            "name": check.name,
            "status": check.status,
            "detail": check.detail,
            "remedy": check.remedy or None,
            "seconds": check.seconds,
        }
        for check in checks
    ]
    return json.dumps({"ok": is_well(checks), "checks": entries}, indent=2)


def is_well(checks: Sequence[Check]) -> bool:
    """Whether nothing failed; what is switched off is well."""
    return all(check.status != "failed" for check in checks)
