"""Support plugins and a context without a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest


@dataclass(frozen=True)
class PlainTenant:
    """What the kernel reads of a tenant."""

    pk: int = 901
    uuid: UUID = UUID("00000000-0000-4000-8000-000000000901")
    schema_name: str = "t_901"
    slug: str = "plain"
    name: str = "Plain"
    kind: str = "school"
    status: str = "active"
    locale: str = "fr"
    timezone: str = "Europe/Paris"
    theme: str = "base"
    primary_host: str = "plain.localhost"
    reseller_pk: int | None = None


@pytest.fixture
def plain_tenant() -> PlainTenant:
    return PlainTenant()


@pytest.fixture
def support(register_temporarily: Callable[[object], Any]) -> Callable[..., list[Any]]:
    """Return ``support("raises", …)``: register support plugins and return their entries."""

    def add(*slugs: str) -> list[Any]:
        return [
            register_temporarily(import_module(f"tests.support.plugins.{slug}.plugin").plugin)
            for slug in slugs
        ]

    return add


@pytest.fixture
def context(plain_tenant: PlainTenant) -> Any:
    from tremplin.kernel.context import build

    return build(plain_tenant, None, frozenset)
