"""The public plugin API as data: what a golden file freezes."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from pydantic import BaseModel

import tremplin.api
from tremplin.api import hookspecs, services, tasks


def api_surface() -> dict[str, Any]:
    """Return every public name of ``tremplin.api`` with its signature or fields."""
    return {
        "version": tremplin.api.API_VERSION,
        "names": {name: describe(getattr(tremplin.api, name)) for name in tremplin.api.__all__},
        "hooks": {name: describe(getattr(hookspecs, name)) for name in hook_names()},
        "services": {
            name: describe(item)
            for name, item in vars(services).items()
            if not name.startswith("_")
            and getattr(item, "__module__", "") == services.__name__
            and (inspect.isclass(item) or inspect.isfunction(item))
        },
        "tasks": {
            name: describe(getattr(tasks, name)) for name in ("enqueue", "forget", "remind", "task")
        },
    }


def hook_names() -> list[str]:
    """Return the names of every hook in the order of the specification file."""
    known = hookspecs.STARTUP | hookspecs.QUESTIONS | hookspecs.LIFE_CYCLE
    return [name for name in vars(hookspecs) if name in known]


def describe(item: Any) -> Any:
    """Return the signature of a function, the fields of a value, the methods of a Protocol."""
    if inspect.isclass(item):
        if issubclass(item, BaseModel):
            return {
                name: f"{_text(info.annotation)}{'' if info.is_required() else ' = …'}"
                for name, info in item.model_fields.items()
            }
        if dataclasses.is_dataclass(item):
            return {
                field.name: f"{_text(field.type)}{'' if _required(field) else ' = …'}"
                for field in dataclasses.fields(item)
            }
        return {
            name: describe(member)
            for name, member in vars(item).items()
            if not name.startswith("_") and (inspect.isfunction(member) or _is_property(member))
        }
    if _is_property(item):
        return f"-> {_text(inspect.signature(item.fget).return_annotation)}"
    if inspect.isfunction(item):
        return str(inspect.signature(item)).replace('"', "").replace("'", "")
    return type(item).__name__


def _is_property(item: Any) -> bool:
    return isinstance(item, property)


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _text(annotation: Any) -> str:
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace('"', "").replace("'", "")
