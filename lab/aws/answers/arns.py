"""Names of resources, given alone or as the last part of an ARN, and filters on them."""

import fnmatch


def named(given: str) -> str:
    """The name in an ARN, or the name itself."""
    return given.rpartition("/")[2]


def matches(mine: str, given: list[str]) -> bool:
    """Whether it is one of those given, where `*` stands for anything."""
    return any(fnmatch.fnmatchcase(mine, each) for each in given)
