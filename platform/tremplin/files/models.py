"""What is known about each stored file; its bytes are in the tenant's storage."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class StoredFileRecord(models.Model):
    """One file: ``size`` in bytes, ``sha256`` of the stored bytes, ``mime`` found by content."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=150)
    mime = models.CharField(_("type"), max_length=100)
    size = models.BigIntegerField(_("size"))
    sha256 = models.CharField(max_length=64)
    owner = models.UUIDField(_("owner"), null=True, db_index=True)
    purpose = models.CharField(_("purpose"), max_length=80)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Return where the bytes are, relative to the tenant's storage."""
        return f"files/{self.id.hex[:2]}/{self.id}"
