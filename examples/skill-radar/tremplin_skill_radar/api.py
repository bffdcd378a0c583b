"""HTTP API of the module, mounted at ``/api/v1/skill_radar/``."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from tremplin.api import operation
from tremplin_skill_radar import selectors

router = Router(tags=["skill_radar"])


class LevelOut(Schema):
    skill: str
    percent: int
    proofs: int
    latest: datetime | None
    target: int | None


@router.get("/levels", response=list[LevelOut], operation_id="skill_radar_list_levels")
@operation(permission="skill_radar.use")
def list_levels(request: HttpRequest) -> list[selectors.Level]:
    """List the caller's own skills, by name."""
    return selectors.levels_of(request.ctx.person.id)
