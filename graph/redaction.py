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

SHORTEST_SECRET = 6
LINE_LIMIT = 2000
"""Characters of one line; the rest is cut before it is looked at, and the cut is counted."""
_TOO_EAGER = frozenset({"Artifactory Credentials", "Public IP (ipv4)"})
"""Detectors that take ordinary words and addresses for secrets."""
_OURS_ARE_WIDER = frozenset({"Basic Auth Credentials", "JSON Web Token", "Private Key"})
_OURS_ARE_QUICKER = frozenset({"NPM tokens", "OpenAI Token"})
"""Detectors that take time with the square of a line's length; a line of ours may be long."""
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
_NPM_TOKEN = re.compile(r"(/:_authToken=\s{0,3})(?:npm_\S{1,200}|[A-Fa-f0-9-]{36})")
_OPENAI_TOKEN = re.compile(r"(?<![\w-])sk-[\w-]{20,200}T3BlbkFJ[A-Za-z0-9]{20}")
_IN_ADDRESS = re.compile(r"(://[^\s:/?#\[\]@]{0,200}):([^\s/@]{1,200})@")
_SCHEME = re.compile(r"\b(Basic|Bearer)\s{1,3}([\w.~+/=-]{8,})", re.IGNORECASE)
_NAMED_VALUE = re.compile(
    rf"((?<![\w.-])(?:[\w.-]{{0,64}}?(?:{_LONG_NAMES})|(?:[\w.-]{{0,64}}?[_.-])?(?:{_SHORT_NAMES}))s?"
    r"(?:[_.-][\w.-]{0,64})?[\"']?\s{0,3}[:=]\s{0,3})"
    r"(\"[^\"]{6,}\"|'[^']{6,}'|[^\s\"',;&]{6,})",
    re.IGNORECASE,
)
# Not within a digest, nor in a UUID: some of those hold as many digits, and a tenth of them
# passes for a card.
_CARD = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])|"
    r"((?<![\d.])(?<![0-9a-f]{4})(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d|3[47]\d\d)"
    r"(?:[ -]?\d){11,12}(?![\d.])(?![0-9a-f]{4}))"
)
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,24}\b"
)

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Redactor:
    """Replaces secrets by `[redacted: kind]`. With `emails`, e-mail addresses too."""

    emails: bool = False
    line_limit: int = LINE_LIMIT
    notice: Callable[[str], None] | None = None
    """Is told each text that is replaced, and each part of it that its pattern tells apart."""

    def text(self, text: str) -> str:
        """The text without what looks like a secret, and no line longer than `line_limit`."""
        if len(text) < SHORTEST_SECRET:
            return text
        whole = self._sub(_PRIVATE_KEY, "[redacted: private key]", text)
        return "\n".join(self._line(line) for line in whole.split("\n"))

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON-able value with every text in it redacted, and whole what has a secret's name."""
        if isinstance(value, str | dict | list) and value and names_a_secret(name):
            if self.notice:
                for part in _texts(value):
                    self.notice(part)
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
        sub = self._sub
        line = sub(_WEB_TOKEN, "[redacted: JSON Web Token]", line)
        for kind, pattern in known_formats():
            line = sub(pattern, f"[redacted: {kind}]", line)
        line = sub(_NPM_TOKEN, r"\1[redacted: NPM tokens]", line)
        line = sub(_OPENAI_TOKEN, "[redacted: OpenAI Token]", line)
        line = sub(_IN_ADDRESS, r"\1:[redacted: password]@", line)
        line = sub(_SCHEME, r"\1 [redacted: credentials]", line)
        line = sub(_NAMED_VALUE, _without_value, line)
        line = sub(_CARD, _without_card, line)
        return sub(_EMAIL, "[redacted: e-mail address]", line) if self.emails else line

    def _sub(self, pattern: re.Pattern[str], by: Replacement, text: str) -> str:
        notice = self.notice
        if notice is None:
            return pattern.sub(by, text)

        def replaced(found: re.Match[str]) -> str:
            made = found.expand(by) if isinstance(by, str) else by(found)
            for part in (found[0], *found.groups()):
                if part and part not in made:
                    notice(part)
            return made

        return pattern.sub(replaced, text)


def names_a_secret(name: str) -> bool:
    """Whether what has that name is to be kept from sight: `password`, `dbPassword`, `api-key`."""
    return _SECRET_NAME.search(_CAMEL_CASE.sub("_", name)) is not None


@cache
def known_formats() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The formats of tokens that detect-secrets knows, each with its kind.

    The first time it takes a third of a second: call it before anything is served.
    """
    return tuple(_formats())


def _formats() -> Iterator[tuple[str, re.Pattern[str]]]:
    # Only here: it brings a whole HTTP client along, and a rerun redacts nothing.
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector

    detectors = cast(dict[str, type[BasePlugin]], get_mapping_from_secret_type_to_class())
    left_out = _TOO_EAGER | _OURS_ARE_WIDER | _OURS_ARE_QUICKER
    for kind, detector in detectors.items():
        if kind in left_out or not issubclass(detector, RegexBasedDetector):
            continue
        for pattern in cast(Callable[[], RegexBasedDetector], detector)().denylist:
            yield kind, pattern


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON-able value, its keys not."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _without_value(found: re.Match[str]) -> str:
    named, value = found.groups()
    counts_tokens = "token" in named.lower() and value.isdigit()
    if counts_tokens or "[redacted:" in value:
        return found[0]
    return f"{named}[redacted: by its name]"


def _without_card(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    digits = [int(character) for character in found[0] if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    is_card = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return "[redacted: card number]" if is_card else found[0]
