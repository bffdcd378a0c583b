"""Spaces asked for and not confirmed yet, and the token that opens the first session."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from tremplin.api.models import TenantModel


class PendingSpace(TenantModel):
    """A request of the sign-up page, kept by the operator's space until its mail is confirmed."""

    name = models.CharField(max_length=100)
    slug = models.CharField(max_length=40)
    kind = models.CharField(max_length=12)
    email = models.CharField(max_length=254)
    password_hash = models.CharField(max_length=200)
    locale = models.CharField(max_length=8)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "operations_pending_space"
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["school", "company"]), name="operations_pending_kind"
            )
        ]

    def __str__(self) -> str:
        return self.slug


class HandOver(TenantModel):
    """A single-use token that opens the owner's first session in her new space."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "operations_hand_over"

    def __str__(self) -> str:
        return str(self.pk)


class ClientRequest(TenantModel):
    """One wish for a new client, kept by the reseller: its key makes a double click create once."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, editable=False)
    slug = models.CharField(max_length=40)
    template = models.UUIDField(null=True, blank=True)
    client = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    asked_by = models.UUIDField()
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "operations_client_request"

    def __str__(self) -> str:
        return self.slug


class SpaceExport(TenantModel):
    """An archive of the whole space, made on demand and kept for a day."""

    class State(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        FAILED = "failed"

    asked_by = models.UUIDField()
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    size = models.BigIntegerField(default=0)

    class Meta:
        db_table = "operations_space_export"
        ordering = ("-asked_at",)

    def __str__(self) -> str:
        return str(self.pk)


class BankStatement(TenantModel):
    """The lines of a bank statement, kept for a week by the space that collects."""

    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    lines = models.JSONField(default=list)
    read_by = models.UUIDField()
    read_at = models.DateTimeField()

    class Meta:
        db_table = "operations_bank_statement"
        ordering = ("-read_at",)

    def __str__(self) -> str:
        return self.name


class BankEntry(TenantModel):
    """A movement of the bank that paid invoices: it never counts again. Nobody's name is in it."""

    key = models.CharField(max_length=64, unique=True)
    invoices = models.JSONField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    recorded_by = models.UUIDField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "operations_bank_entry"

    def __str__(self) -> str:
        return self.key[:12]
