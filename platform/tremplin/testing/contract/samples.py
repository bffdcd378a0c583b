"""Makes a valid value of a type, to build an example payload of an event."""

from __future__ import annotations

import types
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

_SIMPLE: dict[Any, object] = {
    str: "text",
    int: 1,
    float: 1.5,
    bool: True,
    Decimal: Decimal("1.5"),
    UUID: UUID(int=1),
    datetime: datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    date: date(2026, 1, 2),
    type(None): None,
    Any: {},
}


def sample_of(annotation: Any) -> object:
    """Return one valid value of ``annotation``. Raises ``TypeError`` for a type it does not know."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin in {Union, types.UnionType}:
        return sample_of(arguments[0])
    if origin in {list, set, frozenset}:
        return [sample_of(arguments[0])]
    if origin is tuple:
        kinds = [item for item in arguments if item is not Ellipsis]
        return [sample_of(item) for item in kinds]
    if origin is dict:
        return {sample_of(arguments[0]): sample_of(arguments[1])}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: sample_of(info.annotation) for name, info in annotation.model_fields.items()}
    raise TypeError(f"no sample of {annotation!r}")
