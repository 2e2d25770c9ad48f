"""What every table of the language shares: no unknown keys, and an example to show when one is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NAME = r"^_?[a-z][a-z0-9_]*$"
FIELD_NAME = r"^_?[a-z][a-z0-9_]*(\{i\}[a-z0-9_]*)?$"


class Table(BaseModel):
    """A TOML table of the language."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False, str_strip_whitespace=False, strict=False)
    EXAMPLE: ClassVar[str] = ""


def _decimal(value: object) -> object:
    """TOML numbers arrive as int or Decimal; keep the digits as written."""
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")  # noqa: TRY004 - pydantic turns ValueError into a finding
    if isinstance(value, float):
        return Decimal(repr(value))
    return value


Exact = Annotated[Decimal, BeforeValidator(_decimal), Field(allow_inf_nan=False)]
"""A decimal number kept exactly as written."""

Byteorder = Literal["big", "little", "big-swap", "little-swap"]
"""Order of bytes; the ``-swap`` forms exchange the 16-bit words of 32- and 64-bit values (``CDAB`` and ``BADC``)."""

Labels = dict[Literal["en", "hi"], str]
"""Text for people by language code."""

Reason = str
FlagWord = Literal["missing", "fail", "suspect"]
