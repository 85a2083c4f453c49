"""Texts of Datadog's search language."""


def quoted(text: str) -> str:
    """The text as one phrase of a search."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def narrowed(query: str, *terms: str) -> str:
    """The search of somebody else and these terms too; `*` when there is neither."""
    query = query.strip()
    if query == "*" and terms:
        query = ""
    if terms and " OR " in query:
        query = f"({query})"
    return " ".join(part for part in (query, *terms) if part) or "*"
