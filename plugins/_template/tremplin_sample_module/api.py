"""HTTP API of the module, mounted at ``/api/v1/sample_module/``."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from tremplin.api import operation
from tremplin_sample_module import selectors, services
from tremplin_sample_module.models import Item

router = Router(tags=["sample_module"])


class ItemIn(Schema):
    title: str


class ItemOut(Schema):
    id: UUID
    title: str
    created_at: datetime
    done_at: datetime | None


@router.get("/items", response=list[ItemOut], operation_id="sample_module_list_items")
@operation(permission="sample_module.use")
def list_items(request: HttpRequest) -> list[Item]:
    """List the caller's own items, oldest first."""
    return list(selectors.items_of(request.ctx.person.id))


@router.post("/items", response={201: ItemOut}, operation_id="sample_module_add_item")
@operation(permission="sample_module.use")
def add_item(request: HttpRequest, item: ItemIn) -> Status[Item]:
    """Add an item to the caller's list."""
    return Status(201, services.add_item(request.ctx, item.title))
