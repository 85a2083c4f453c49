"""What routes are given: the runtime that the application opened."""

from typing import Annotated, cast

from fastapi import Depends, Request

from graph.runtime import Runtime


def _runtime(request: Request) -> Runtime:
    return cast(Runtime, request.app.state.runtime)


Running = Annotated[Runtime, Depends(_runtime)]
