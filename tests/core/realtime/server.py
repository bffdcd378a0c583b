"""The product's server with a few more topics, for the tests of this folder."""

from __future__ import annotations

from tremplin.api.context import TenantContext
from tremplin.config.asgi import application
from tremplin.kernel.realtime.topics import register_topic

__all__ = ["application"]


def signed_in(ctx: TenantContext, name: str) -> bool:
    return ctx.person is not None and bool(name)


def staff(ctx: TenantContext, name: str) -> bool:
    return ctx.can("identity.manage_people") and bool(name)


def anyone(ctx: TenantContext, name: str) -> bool:
    return bool(ctx.tenant.slug and name)


register_topic("room.{name}", signed_in)
register_topic("staff.{name}", staff)
register_topic("open.{name}", anyone)
