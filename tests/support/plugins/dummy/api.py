"""HTTP API of the dummy."""

from __future__ import annotations

from typing import Any

from ninja import Router, Schema

from tremplin.api import Problem, operation

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


@router.get("/broken/")
@operation()
def broken(request: Any) -> dict[str, int]:
    return {"value": 1 // 0}


@public_router.get("/status/")
@operation(anonymous=True)
def status(request: Any) -> dict[str, bool]:
    return {"fine": True}
