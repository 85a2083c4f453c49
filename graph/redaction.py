"""Takes secrets out of what the estate says, before it is shown, kept or sent anywhere.

The patterns of known token formats are those of detect-secrets; ours are added for what it only
detects (private keys, the rest of a JSON Web Token) or would leave (named values, credentials in
addresses, card numbers). It is a net and not a proof: a secret that looks like a word passes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector

SHORTEST_SECRET = 6
LINE_LIMIT = 2000
"""Characters of one line; the rest is cut before it is looked at, and the cut is counted."""
_TOO_EAGER = frozenset({"Artifactory Credentials", "Public IP (ipv4)"})
"""Detectors that take ordinary words and addresses for secrets."""
_OURS_ARE_WIDER = frozenset({"Basic Auth Credentials", "JSON Web Token", "Private Key"})
_LONG_NAMES = (
    r"password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"signing[_-]?key|encryption[_-]?key|credentials?|authorization|connection[_-]?string"
)
_SHORT_NAMES = r"pass|pwd"
"""Parts of ordinary words too (compass, passport), so these must stand alone."""
_SECRET_NAME = re.compile(
    rf"(?:^|[_.\-\s])(?:{_LONG_NAMES}|{_SHORT_NAMES})s?(?:$|[_.\-\s])", re.IGNORECASE
)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Each begins where a word begins and is bounded: hostile text must not make them slow.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_WEB_TOKEN = re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_IN_ADDRESS = re.compile(r"(://[^\s:/?#\[\]@]{0,200}):([^\s/@]{1,200})@")
_SCHEME = re.compile(r"\b(Basic|Bearer)\s{1,3}[\w.~+/=-]{8,}", re.IGNORECASE)
_NAMED_VALUE = re.compile(
    rf"((?<![\w.-])(?:[\w.-]{{0,64}}?(?:{_LONG_NAMES})|(?:[\w.-]{{0,64}}?[_.-])?(?:{_SHORT_NAMES}))s?"
    r"(?:[_.-][\w.-]{0,64})?[\"']?\s{0,3}[:=]\s{0,3})"
    r"(\"[^\"]{6,}\"|'[^']{6,}'|[^\s\"',;&]{6,})",
    re.IGNORECASE,
)
_CARD = re.compile(
    r"(?<![\d.])(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d|3[47]\d\d)(?:[ -]?\d){11,12}(?![\d.])"
)
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,24}\b"
)


@dataclass(frozen=True)
class Redactor:
    """Replaces secrets by `[redacted: kind]`. With `emails`, e-mail addresses too."""

    emails: bool = False
    line_limit: int = LINE_LIMIT

    def text(self, text: str) -> str:
        """The text without what looks like a secret, and no line longer than `line_limit`."""
        if len(text) < SHORTEST_SECRET:
            return text
        whole = _PRIVATE_KEY.sub("[redacted: private key]", text)
        return "\n".join(self._line(line) for line in whole.split("\n"))

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON-able value with every text in it redacted, and whole what has a secret's name."""
        if isinstance(value, str | dict | list) and value and names_a_secret(name):
            return "[redacted: by its name]"
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(part, str(key)) for key, part in value.items()}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        return self.text(value) if isinstance(value, str) else value

    def _line(self, line: str) -> str:
        cut = len(line) - self.line_limit
        if cut > 0:
            line = f"{line[: self.line_limit]} [{cut} more characters cut]"
        line = _WEB_TOKEN.sub("[redacted: JSON Web Token]", line)
        for kind, pattern in _known_formats():
            line = pattern.sub(f"[redacted: {kind}]", line)
        line = _IN_ADDRESS.sub(r"\1:[redacted: password]@", line)
        line = _SCHEME.sub(r"\1 [redacted: credentials]", line)
        line = _NAMED_VALUE.sub(_without_value, line)
        line = _CARD.sub(_without_card, line)
        return _EMAIL.sub("[redacted: e-mail address]", line) if self.emails else line


def names_a_secret(name: str) -> bool:
    """Whether what has that name is to be kept from sight: `password`, `dbPassword`, `api-key`."""
    return _SECRET_NAME.search(_CAMEL_CASE.sub("_", name)) is not None


@cache
def _known_formats() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(_formats())


def _formats() -> Iterator[tuple[str, re.Pattern[str]]]:
    detectors = cast(dict[str, type[BasePlugin]], get_mapping_from_secret_type_to_class())
    for kind, detector in detectors.items():
        if kind in _TOO_EAGER | _OURS_ARE_WIDER or not issubclass(detector, RegexBasedDetector):
            continue
        for pattern in cast(Callable[[], RegexBasedDetector], detector)().denylist:
            yield kind, pattern


def _without_value(found: re.Match[str]) -> str:
    named, value = found.groups()
    counts_tokens = "token" in named.lower() and value.isdigit()
    if counts_tokens or "[redacted:" in value:
        return found[0]
    return f"{named}[redacted: by its name]"


def _without_card(found: re.Match[str]) -> str:
    digits = [int(character) for character in found[0] if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    is_card = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return "[redacted: card number]" if is_card else found[0]
