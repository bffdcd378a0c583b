"""Writes of the module: short transactions, errors that say what to do."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tremplin.api import Problem, TenantContext, services
from tremplin_sample_module.models import Item
from tremplin_sample_module.plugin import SampleModuleSettings


def add_item(ctx: TenantContext, title: str) -> Item:
    """Add one item to the list of the caller.

    Raises ``Problem``: 422 ``title_missing``, 409 ``item_exists``, 409 ``too_many_items``.
    """
    assert ctx.person is not None
    text = " ".join(title.split())[:120]
    if not text:
        raise Problem(422, "title_missing", _("Say what you want to do."))
    limit = ctx.settings(SampleModuleSettings).open_items
    with transaction.atomic():
        if Item.objects.filter(person_id=ctx.person.id, done_at=None).count() >= limit:
            raise Problem(
                409,
                "too_many_items",
                _("Finish one of your %(n)s open items first.") % {"n": limit},
                {"limit": limit},
            )
        try:
            with transaction.atomic():
                item = Item.objects.create(
                    person_id=ctx.person.id, title=text, created_at=ctx.now()
                )
        except IntegrityError:
            raise Problem(409, "item_exists", _("This item is already in your list.")) from None
        services.audit().record("sample_module.item_added", target=f"item:{item.pk}")
    return item


def finish_item(ctx: TenantContext, item: UUID) -> Item:
    """Mark an item of the caller as finished; finishing twice changes nothing.

    Raises ``Problem`` 404 ``item_not_found`` for an item that is not hers.
    """
    assert ctx.person is not None
    with transaction.atomic():
        found = Item.objects.select_for_update().filter(pk=item, person_id=ctx.person.id).first()
        if found is None:
            raise Problem(404, "item_not_found", _("There is no such item in your list."))
        if found.done_at is None:
            found.done_at = ctx.now()
            found.save(update_fields=["done_at"])
            services.audit().record("sample_module.item_finished", target=f"item:{found.pk}")
    return found
