"""Checks a hook's answer against the return annotation of its specification."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


@lru_cache(maxsize=64)
def item_types(spec: Callable[..., Any]) -> tuple[type, ...]:
    """Return the classes that one answer of ``spec`` may have (``Iterable[A | B]`` -> ``(A, B)``)."""
    hint = get_type_hints(spec).get("return")
    arguments = get_args(hint)
    if not arguments:
        return ()
    item = arguments[0]
    if get_origin(item) in {Union, UnionType}:
        return tuple(get_args(item))
    return (item,)


def checked(spec: Callable[..., Any], value: object) -> object:
    """Return ``value`` unchanged; raise ``TypeError`` when it is not what ``spec`` promises."""
    allowed = item_types(spec)
    if allowed and not isinstance(value, allowed):
        names = " or ".join(kind.__name__ for kind in allowed)
        raise TypeError(f"{spec.__name__} answered {type(value).__name__}, not {names}")
    return value
