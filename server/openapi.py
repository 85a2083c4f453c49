"""How the OpenAPI document and docs/api.md describe the problems."""

from typing import Any, cast

from fastapi import FastAPI

from server.problems import EVERYWHERE, KINDS, MEDIA_TYPE, RETRY_AFTER_S, Kind, Problem

COMPONENTS = "#/components/schemas/"
RETRY_AFTER = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
HEADERS = {401: CHALLENGE, 429: RETRY_AFTER, 503: RETRY_AFTER}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that takes a token and may answer with these problems too."""
    return {status: _documented(status) for status in sorted({*EVERYWHERE, *statuses})}


def describe(app: FastAPI) -> None:
    """Put the schema of a problem into the application's document, also in FastAPI's place."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            schema = Problem.model_json_schema(ref_template=COMPONENTS + "{model}")
            schemas.update({**schema.pop("$defs"), "Problem": schema})
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for operation in _operations(document):
                responses = operation.get("responses", {})
                if "HTTPValidationError" in str(responses.get("422")):
                    responses["422"] = _documented(422)
                for parameter in operation.get("parameters", []):
                    parameter["schema"] = _without_null(parameter["schema"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def markdown() -> str:
    """The kinds as a table, for docs/api.md."""
    rows = [f"| {kind.status} | `{kind.type}` | {kind.title} |" for kind in KINDS]
    return "\n".join(["| status | type | title |", "|---|---|---|", *rows])


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        cast("dict[str, Any]", operation)
        for path in document.get("paths", {}).values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that may be left out: in an address nothing is null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **choices[0]}


def _documented(status: int) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind.status == status]
    if not kinds:
        raise ValueError(f"no kind of problem has the status {status}")
    content = {
        "schema": {"$ref": COMPONENTS + "Problem"},
        "examples": {kind.name: {"summary": kind.title, "value": _example(kind)} for kind in kinds},
    }
    described: dict[str, Any] = {
        "description": "; ".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: content},
    }
    if status in HEADERS:
        described["headers"] = HEADERS[status]
    return described


def _example(kind: Kind) -> dict[str, Any]:
    example = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": kind.title}
    if kind.status in (429, 503):
        example["retry_after_s"] = RETRY_AFTER_S
    if kind.name == "thread-busy":
        example["run_id"] = "7d1c6a0e-6a5e-4f7b-9d1c-2f4f6d0c8b11"
    return example
