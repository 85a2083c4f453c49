"""Causes that show in words: a certificate or a credential that is not valid any more."""

import re
from collections.abc import Iterator

from lab.standin.moments import ageless_errors, earlier_window, new_errors
from lab.standin.queries import logs_query
from lab.standin.reading import Result, TurnSoFar
from lab.standin.suspect import Suspect
from lab.standin.verdict import Verdict

_CERTIFICATE = re.compile(
    r"x509|\b(?:certificate|pkix|tls|ssl)\b.*\b(?:expired|not valid|invalid|bad|failed|unknown)"
    r"|\b(?:expired|invalid|bad) certificate",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"unauthori[sz]ed|unauthenticated|invalid_client|authentication failed"
    r"|\b(?:token|key|secret|password|credentials?)\b.*\b(?:expired|not? (?:longer )?valid|invalid"
    r"|revoked|rejected|disabled)\b",
    re.IGNORECASE,
)
Told = tuple[Result, dict[str, str]]


def something_expired(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """A certificate is that of who is called; a credential is that of who shows it.

    Told by the most frequent of the new error lines, and only while calls fail.
    """
    name, callers = suspect.name, suspect.trail.into(suspect.name)
    if not any(edge.failing for edge in callers):
        return
    for writer in dict.fromkeys((name, *(edge.source for edge in callers))):
        told = list(_new(suspect.turn, writer))
        if not told:
            continue
        most = max(told, key=lambda entry: int(entry[1]["count"]))
        if _CERTIFICATE.search(most[1]["template"]):
            claim = f"The certificate of {name} has expired"
            yield 280, _verdict(name, "certificate", f"{claim}: {_said(writer, most)}", most)
        elif _CREDENTIAL.search(most[1]["template"]):
            claim = f"The credential of {writer} is not accepted any more"
            verdict = _verdict(writer, "credential", f"{claim}: {_said(writer, most)}", most)
            _weigh_others(suspect, writer, verdict)
            yield 280, verdict


def ages_to_look_up(suspect: Suspect) -> Iterator[tuple[str, str]]:
    """Writers of telling lines that may be old, each with an earlier window to look at."""
    for writer in dict.fromkeys(
        (suspect.name, *(e.source for e in suspect.trail.into(suspect.name)))
    ):
        for result, row in ageless_errors(suspect.turn, writer):
            if _telling(row) and result.start:
                yield writer, earlier_window(result)


def _new(turn: TurnSoFar, writer: str) -> Iterator[Told]:
    """The new lines, and those that an earlier look did not find either."""
    yield from new_errors(turn, writer)
    for result, row in ageless_errors(turn, writer):
        looks = turn.of("search_logs", query=logs_query(writer), window=earlier_window(result))
        if looks and not any(look.unread or any(map(_telling, look.rows)) for look in looks):
            yield result, row


def _telling(row: dict[str, str]) -> bool:
    words = row.get("template", "")
    return bool(_CERTIFICATE.search(words) or _CREDENTIAL.search(words))


def _said(writer: str, told: Told) -> str:
    result, row = told
    since = "" if result.left_out else f"since {row['first']} "
    return f"{since}{writer} writes so ({_lines(told)} lines), and calls fail."


def _lines(told: Told) -> str:
    result, row = told
    return f"at least {row['count']}" if result.left_out else row["count"]


def _verdict(owner: str, thing: str, explanation: str, told: Told) -> Verdict:
    return Verdict(
        component=owner,
        explanation=explanation,
        confidence="high",
        evidence=[(told[0].evidence, f"{_lines(told)} log lines say so")],
        actions=[
            (f"Renew the {thing} of {owner}, and let its users load the new one", ""),
            (f"Watch the end of validity of every {thing} of {owner}", ""),
        ],
    )


def _weigh_others(suspect: Suspect, writer: str, verdict: Verdict) -> None:
    """Who else calls the same: well, and it is the caller's; failing too, and it may not be."""
    others = [edge for edge in suspect.users if edge.source != writer and edge.per_min > 0]
    well = [edge for edge in others if not edge.degraded]
    if well:
        names = ", ".join(edge.source for edge in well)
        verdict.explanation += f" {names} calls {suspect.name} as always."
        verdict.evidence.append((well[0].evidence, f"{names} calls {suspect.name} as always"))
    elif others:
        verdict.confidence = "medium"
        verdict.open_questions.append(f"Why do all callers of {suspect.name} fail?")
