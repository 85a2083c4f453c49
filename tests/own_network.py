"""A process with a network of its own: a namespace, or strace that watches what it names."""

import shutil
import subprocess
from pathlib import Path

import pytest

NAMESPACES = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
"""As root, and as somebody else where that may be."""
WATCHED = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg"]


def namespace(trial: list[str]) -> list[str] | None:
    """The command that gives what follows it a network of its own; None where there is none.

    `trial` is what must come to its end in there.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    for _, *options in NAMESPACES:
        command = [unshare, *options]
        if subprocess.run([*command, *trial], capture_output=True, check=False).returncode == 0:
            return command
    return None


def watched(trace: Path) -> list[str]:
    """The command that writes down which addresses what follows it names."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("neither a network namespace (unshare) nor strace is to be had")
    return [strace, *WATCHED[1:], "-o", str(trace)]


def addressed(trace: Path) -> list[str]:
    """The calls that name an address on a network, as `watched` wrote them down."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return [line for line in lines if "sin_addr" in line or "sin6_addr" in line]
