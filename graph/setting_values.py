"""What a setting's value may be: addresses, keys, names, tokens.

A message never repeats a secret, nor an address that holds one: it ends up in a log.
"""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

_TOPIC = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:[a-z0-9-]{3,40}:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
)
LOCAL_CALLER = "local"
"""The name of the one caller of a server without tokens."""
_CALLER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
TOKEN_LENGTH = 16
"""The fewest characters of a token of API_TOKENS, or of one that a webhook sends."""


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{value!r} is not a plain identifier (letters, digits, underscore)")
    return value


def _address(value: str, schemes: tuple[str, ...]) -> str:
    """The address when it has a scheme of these and a host, and holds no credentials.

    One with credentials is refused without being repeated: the message ends up in a log.
    """
    parts = urlsplit(value)
    if "@" in value:
        raise ValueError("the address must hold no user and no password; they have settings")
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"{value!r} has no host or no scheme of {', '.join(schemes)}")
    return value


def _chat_endpoint(value: str) -> str:
    address = _address(value, ("http", "https"))
    if address.rstrip("/").endswith("/anthropic"):
        raise ValueError(f"{value!r} is the Anthropic endpoint; use the one that ends in /v1")
    return address


def _bolt_address(value: str) -> str:
    return _address(value, ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"))


def _web_address(value: str) -> str:
    return _address(value, ("http", "https")).rstrip("/")


def _database_address(value: SecretStr) -> SecretStr:
    """The address when it names a PostgreSQL server and a database; never repeated, see above."""
    parts = urlsplit(value.get_secret_value().strip())
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("it must begin with postgresql://; without it the state is kept in files")
    if not parts.hostname or not parts.path.strip("/"):
        raise ValueError("it names no host or no database; postgresql://user:password@host/name")
    return SecretStr(f"postgresql://{value.get_secret_value().strip().partition('://')[2]}")


def _key(value: SecretStr) -> SecretStr:
    """The key without the white space round it, as a mounted file has; it must fit a header."""
    key = value.get_secret_value().strip()
    if not key:
        raise ValueError("it is blank; create a key with the provider, or leave the setting out")
    if not re.fullmatch(r"[!-~]+", key):
        raise ValueError("it holds a character that no key has, such as a space or a line break")
    return SecretStr(key)


def _tokens(value: object) -> object:
    """The tokens by name, of `name:token,name:token`; what is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    tokens: dict[str, str] = {}
    for number, entry in enumerate(value.split(","), start=1):
        name, colon, token = (part.strip() for part in entry.partition(":"))
        if not colon or not _CALLER.fullmatch(name):
            raise ValueError(f"entry {number} is not of the form name:token")
        if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token) or len(token) < TOKEN_LENGTH:
            raise ValueError(
                f"the token of {name} needs at least {TOKEN_LENGTH} characters, letters, digits "
                "and ._~+/- alone; openssl rand -hex 32 makes one"
            )
        if name in tokens or token in tokens.values():
            raise ValueError(f"the name or the token of {name} is there twice")
        tokens[name] = token
    return tokens


def _callers(value: object) -> object:
    """The names, of a text with commas; none is repeated, it may be a token that was pasted."""
    if not isinstance(value, str):
        return value
    names = [part.strip() for part in value.split(",") if part.strip()]
    for number, name in enumerate(names, start=1):
        if not _CALLER.fullmatch(name):
            raise ValueError(f"entry {number} is no name; give names alone, with commas")
    return names


def _long_key(value: SecretStr) -> SecretStr:
    key = _key(value)
    if len(key.get_secret_value()) < TOKEN_LENGTH:
        raise ValueError(f"it needs at least {TOKEN_LENGTH} characters; openssl rand -hex 32")
    return key


def _topics(value: object) -> object:
    """The ARNs, of a text with commas. SNS sends messages of FIFO topics to no address."""
    if not isinstance(value, str):
        return value
    topics = [part.strip() for part in value.split(",") if part.strip()]
    for topic in topics:
        if not _TOPIC.fullmatch(topic):
            raise ValueError(
                f"{topic!r} is no standard topic; it wants ARNs separated by commas, such as "
                "arn:aws:sns:eu-central-1:123456789012:alarms"
            )
    return topics


Identifier = Annotated[str, AfterValidator(_identifier)]
ChatEndpoint = Annotated[str, AfterValidator(_chat_endpoint)]
BoltAddress = Annotated[str, AfterValidator(_bolt_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Key = Annotated[SecretStr, AfterValidator(_key)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database_address)]
LongKey = Annotated[SecretStr, AfterValidator(_long_key)]
Topics = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_topics)]
CallerNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_callers)]
ApiTokens = Annotated[dict[str, SecretStr], NoDecode, BeforeValidator(_tokens)]
"""Tokens by the names of their holders. Each has a name, because the name is what may be shown:
in a log, a refusal, a metric; and because one holder's token is then changed without the rest."""
DatadogSite = Literal[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "datadoghq.eu",
    "ddog-gov.com",
]
"""The sites that the official client knows (2.62.0)."""
