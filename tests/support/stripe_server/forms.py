"""Nested form bodies, and their check against the parameter types of the official SDK."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

from typing_extensions import is_typeddict

OPTIONS = frozenset(
    {
        "api_key", "stripe_version", "stripe_account", "stripe_context", "max_network_retries",
        "idempotency_key", "content_type", "headers",
    }
)  # fmt: skip


class BadParameter(Exception):
    """A parameter that the SDK's type does not know or that has the wrong type."""

    def __init__(self, param: str, message: str, code: str) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def decode(text: str) -> dict[str, Any]:
    """Return ``a[b][0][c]=1&d[]=2`` as nested dictionaries and lists of strings."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = re.findall(r"^[^\[]+|\[[^\]]*\]", name)
        node, key = tree, head
        for part in rest:
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                raise BadParameter(name, f"Invalid nesting: {name}", "parameter_invalid")
            inner = part[1:-1]
            node, key = below, inner if inner else str(len(below))
        node[key] = value
    return {key: _lists(value) for key, value in tree.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {key: _lists(item) for key, item in value.items()}
    if found and all(key.isdigit() for key in found):
        return [found[key] for key in sorted(found, key=int)]
    return found


@cache
def params_type(name: str) -> type[Any]:
    """Return the SDK's type of ``customer_create`` or ``checkout.session_create``."""
    *folders, leaf = name.split(".")
    module = import_module(".".join(["stripe.params", *folders, f"_{leaf}_params"]))
    camel = "".join(part.capitalize() for part in leaf.split("_"))
    found: type[Any] = getattr(module, f"{camel}Params")
    return found


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    from stripe import StripeContext

    known = {
        "StripeContext": StripeContext,
        "Mapping": Mapping,
        "Sequence": Sequence,
        "Decimal": Decimal,
    }
    return {
        key: hint
        for key, hint in typing.get_type_hints(kind, localns=known).items()
        if key not in OPTIONS
    }


def check(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed parameters of the call ``name``. Raises ``BadParameter``."""
    return _typed_dict(params_type(name), body, "")


def _typed_dict(kind: type[Any], body: Mapping[str, Any], path: str) -> dict[str, Any]:
    hints = _hints(kind)
    required = kind.__required_keys__ - OPTIONS
    for key in sorted(required - body.keys()):
        where = _join(path, key)
        raise BadParameter(where, f"Missing required param: {where}.", "parameter_missing")
    found = {}
    for key, value in body.items():
        where = _join(path, key)
        if key not in hints:
            raise BadParameter(where, f"Received unknown parameter: {where}", "parameter_unknown")
        found[key] = _value(hints[key], value, where)
    return found


def _join(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key


def _wrong(path: str, value: Any) -> BadParameter:
    return BadParameter(path, f"Invalid value for {path}: {value!r}", "parameter_invalid")


def _value(hint: Any, value: Any, path: str) -> Any:  # noqa: PLR0911
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        return _either(args, value, path)
    if origin is typing.Literal:
        if value not in args:
            raise _wrong(path, value)
        return value
    if origin in (list, Sequence):
        if not isinstance(value, list):
            raise _wrong(path, value)
        return [_value(args[0], item, f"{path}[{index}]") for index, item in enumerate(value)]
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise _wrong(path, value)
        return {key: _value(args[1], item, _join(path, key)) for key, item in value.items()}
    if is_typeddict(hint):
        if not isinstance(value, dict):
            raise _wrong(path, value)
        return _typed_dict(hint, value, path)
    return _scalar(hint, value, path)


def _either(args: tuple[Any, ...], value: Any, path: str) -> Any:
    errors = []
    scalars = (bool, int, float, Decimal, str)
    order = sorted(args, key=lambda item: scalars.index(item) if item in scalars else -1)
    for arg in order:
        if arg is type(None):
            continue
        try:
            return _value(arg, value, path)
        except BadParameter as error:
            errors.append(error)
    deepest = max(errors, key=lambda error: len(error.param))
    raise deepest


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is Any or (isinstance(hint, type) and hint.__name__ == "UntypedStripeObject"):
        return value
    if not isinstance(value, str):
        if "UntypedStripeObject" in str(hint):
            return value
        raise _wrong(path, value)
    if hint is bool:
        if value not in {"true", "false"}:
            raise _wrong(path, value)
        return value == "true"
    try:
        if hint is int:
            return int(value)
        if hint is float:
            return float(value)
        if hint is Decimal:
            return Decimal(value)
    except ArithmeticError as error:
        raise _wrong(path, value) from error
    except ValueError as error:
        raise _wrong(path, value) from error
    return value
