"""Takes the secrets of the settings out of whatever a check says."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from graph.settings import Settings
from server.doctor.check import Check

SHORTEST = 4
"""Characters; what is shorter is part of ordinary words."""


def secrets_of(settings: Settings) -> list[str]:
    """Every secret of these settings, the longest first: one may be part of another."""
    found = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
    if settings.database_url is not None:
        password = urlsplit(settings.database_url.get_secret_value()).password or ""
        found |= {password, unquote(password)}
    return sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)


def without(secrets: Sequence[str], check: Check) -> Check:
    """The same check without them. No client repeats a secret that we know of: this is a net."""
    detail, remedy = check.detail, check.remedy
    for secret in secrets:
        detail, remedy = (text.replace(secret, "[secret]") for text in (detail, remedy))
    return replace(check, detail=detail, remedy=remedy)
