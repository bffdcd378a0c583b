"""Tables of one tenant that the kernel keeps: outbox, receipts and the audit log."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _


class AppendOnlyError(RuntimeError):
    """Raised when code tries to change or delete a row that may only be added."""


class OutboxEvent(models.Model):
    """One fact, written in the transaction that made it true and delivered later."""

    tremplin_scope = "tenant"

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=160)
    aggregate = models.CharField(max_length=200)
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True, default="")
    dead = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("outbox event")
        verbose_name_plural = _("outbox events")
        indexes = [
            models.Index(
                fields=["id"],
                name="kernel_outbox_unsent",
                condition=models.Q(sent_at__isnull=True, dead=False),
            ),
            models.Index(fields=["id"], name="kernel_outbox_dead", condition=models.Q(dead=True)),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.event_id}"


class Receipt(models.Model):
    """The proof that one subscriber handled one event; makes a second delivery harmless."""

    tremplin_scope = "tenant"

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField()
    subscriber = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            models.UniqueConstraint(fields=["event_id", "subscriber"], name="kernel_receipt_once")
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.subscriber}"


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """A query set that reads and adds, and refuses everything else."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("audit rows are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnlyError("audit rows are removed by the retention service only")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("audit rows are never changed")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("audit rows are chained one by one by kernel.audit.record")


class AppendOnlyModel(models.Model):
    """A row that can be added once; saving it again or deleting it raises."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row. Raises ``AppendOnlyError`` when it already exists."""
        if not self._state.adding:
            raise AppendOnlyError("audit rows are never changed")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("audit rows are removed by the retention service only")


class AuditEvent(AppendOnlyModel):
    """One line of the tenant's audit log, chained to the line before by its hash."""

    tremplin_scope = "tenant"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=120)
    actor = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=120, blank=True, default="")
    target = models.CharField(max_length=200, blank=True, default="")
    address = models.CharField(max_length=45, blank=True, default="")
    request_id = models.CharField(max_length=36, blank=True, default="")
    data = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    row_hash = models.CharField(max_length=64)

    class Meta(AppendOnlyModel.Meta):
        abstract = False
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        indexes = [
            models.Index(fields=["kind", "-id"], name="kernel_audit_kind"),
            models.Index(fields=["actor", "-id"], name="kernel_audit_actor"),
            models.Index(fields=["target", "-id"], name="kernel_audit_target"),
            models.Index(fields=["address", "-id"], name="kernel_audit_address"),
            models.Index(fields=["at"], name="kernel_audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.kind}"


class AuditCheckpoint(AppendOnlyModel):
    """Where the chain starts again after the oldest rows were removed by retention."""

    tremplin_scope = "tenant"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    last_id = models.BigIntegerField()
    last_hash = models.CharField(max_length=64)
    removed = models.BigIntegerField()

    class Meta(AppendOnlyModel.Meta):
        abstract = False
        verbose_name = _("audit checkpoint")
        verbose_name_plural = _("audit checkpoints")

    def __str__(self) -> str:
        return f"{self.last_id} ({self.removed})"
