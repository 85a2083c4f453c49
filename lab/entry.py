"""What the entries of an incident folder are made of: strict, with the kinds of value they take."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

YEAR_MINUTES = 366 * 24 * 60


class Entry(BaseModel):
    """One table of a TOML file; an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
Name = Annotated[Text, Field(max_length=200)]
"""The tools take no longer name."""
Percent = Annotated[float, Field(ge=0, le=100)]
Amount = Annotated[float, Field(ge=0, le=1_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
MinutesAgo = Annotated[float, Field(ge=0, le=YEAR_MINUTES)]
