"""`langgraph dev` on our graph and database, on a machine that has loopback and nothing else.

The checks are in `studio_checks.py`, which cannot be collected by itself: it runs once, in a
network namespace of its own, whose kernel counts what had nowhere to go. Where namespaces are
not to be had, strace watches the addresses instead. One of the two must be there.
"""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.own_network import addressed, namespace, watched
from tests.server import studio_checks
from tests.server.conftest import ROOT

CHECKS = [name for name in vars(studio_checks) if name.startswith("test_")]
LIMIT_S = 110
LOOPBACK_UP = """
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
"""
"""Not by `ip`, which a bare machine lacks."""
IN_NAMESPACE = """
    "$PYTHON" -c "$LOOPBACK_UP" || exit 70
    "$@"; code=$?
    cat /proc/net/snmp /proc/net/snmp6 >"$COUNTED"
    exit $code
"""


@dataclass(frozen=True)
class Checked:
    """What the checks came to."""

    output: str
    failures: dict[str, list[str]]
    """By the name of the check: what failed, for each of its parameters; empty when none did."""
    beyond_loopback: list[str]
    """What was tried towards any other address."""


@pytest.fixture(scope="module")
async def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    folder = tmp_path_factory.mktemp("checked")
    return await asyncio.to_thread(_checked, folder)


def _checked(folder: Path) -> Checked:
    report, trace, counted = folder / "report.xml", folder / "trace", folder / "counted"
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    checks = [sys.executable, "-m", "pytest", *options, studio_checks.__file__]
    told = {"PYTHON": sys.executable, "LOOPBACK_UP": LOOPBACK_UP, "COUNTED": str(counted)}
    if alone := namespace([sys.executable, "-c", LOOPBACK_UP]):
        command = [*alone, "sh", "-c", IN_NAMESPACE, "sh", *checks]
    else:
        command = [*watched(trace), *checks]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    failures: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["name"].partition("[")[0]
        failures.setdefault(name, []).extend(part.tag for part in case if part.tag != "properties")
    beyond = _counted(counted) if counted.exists() else _traced(trace)
    return Checked(done.stdout + done.stderr, failures, beyond)


def _counted(counted: Path) -> list[str]:
    """The kernel's counts, where not zero, of what was to leave the namespace."""
    text = counted.read_text()
    names, values = (line.split() for line in text.splitlines() if line.startswith("Ip: "))
    counts = dict(zip(names, values, strict=True)) | dict(
        re.findall(r"^(Ip6\w+)\s+(\d+)", text, re.M)
    )
    watched = {name: counts[name] for name in ("OutNoRoutes", "Ip6OutNoRoutes")}
    return [f"{name}={count}" for name, count in watched.items() if int(count)]


def _traced(trace: Path) -> list[str]:
    """The calls that name an address, other than those of loopback."""
    named = addressed(trace)
    assert named, "strace saw nothing at all"
    loopback = re.compile(r'inet_addr\("127\.|"::1"|"::ffff:127\.')
    return [line for line in named if not loopback.search(line)]


@pytest.mark.parametrize("name", CHECKS)
def test_it_holds_in_a_real_langgraph_dev(checked: Checked, name: str) -> None:
    assert checked.failures[name] == [], checked.output


def test_nothing_but_loopback_was_spoken_to(checked: Checked) -> None:
    assert set(checked.failures) == set(CHECKS)
    assert checked.beyond_loopback == []
