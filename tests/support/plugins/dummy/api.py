"""HTTP API of the dummy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Router, Schema

from tremplin.api import Problem, operation, services

router = Router()
public_router = Router()


class Number(Schema):
    value: int


@router.get("/things/")
@operation()
def things(request: Any) -> dict[str, str]:
    return {"person": str(request.ctx.person.id)}


@router.post("/things/")
@operation(permission="dummy.use")
def add_thing(request: Any, number: Number) -> dict[str, int]:
    if number.value > 100:
        raise Problem(409, "dummy_too_many", "At most 100.", {"limit": 100})
    return {"value": number.value}


class Key(Schema):
    key: UUID


@router.post("/counted/")
@operation(permission="dummy.use")
def count_thing(request: Any, body: Key) -> dict[str, Any]:
    counted = services.usage().consume("dummy.things", person=request.ctx.person.id, key=body.key)
    found = request.ctx.entitlements.check("dummy.things")
    return {"counted": counted, "used": found.used, "remaining": found.remaining}


@router.get("/broken/")
@operation()
def broken(request: Any) -> dict[str, int]:
    return {"value": 1 // 0}


@public_router.get("/status/")
@operation(anonymous=True)
def status(request: Any) -> dict[str, bool]:
    return {"fine": True}
