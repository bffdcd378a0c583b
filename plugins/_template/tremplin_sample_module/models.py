"""What the module keeps, in the tables of each space."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tremplin.api.models import TenantModel


class Item(TenantModel):
    """One thing a person wants to do; finished once ``done_at`` is set."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    created_at = models.DateTimeField(_("created"))
    done_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ("created_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["person", "title"], name="sample_module_item_once")
        ]

    def __str__(self) -> str:
        return self.title
