"""Module states, settings, reminders, job status, schedule slots, demo clock, processes."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class ModuleState(models.Model):
    """What one tenant may do with one module; absent means never licensed."""

    tremplin_scope = "public"

    class Mode(models.TextChoices):
        ON = "on", _("On")
        READ_ONLY = "read_only", _("Read only")
        OFF = "off", _("Off")

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.IntegerField()
    slug = models.CharField(max_length=31)
    licensed_mode = models.CharField(max_length=9, choices=Mode.choices, default=Mode.OFF)
    licensed_until = models.DateTimeField(null=True)
    activated = models.BooleanField(default=False)
    quarantined = models.BooleanField(default=False)
    first_activated_at = models.DateTimeField(null=True)
    purge_at = models.DateTimeField(null=True)
    version = models.CharField(max_length=40, blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("module state")
        verbose_name_plural = _("module states")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="kernel_state_module_once")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.slug} {self.licensed_mode}"


class SettingValue(models.Model):
    """One value of the settings cascade: level, owner, module and key."""

    tremplin_scope = "public"

    class Level(models.TextChoices):
        PLATFORM = "platform", _("Platform")
        RESELLER = "reseller", _("Reseller")
        TENANT = "tenant", _("Tenant")

    id = models.BigAutoField(primary_key=True)
    level = models.CharField(max_length=8, choices=Level.choices)
    owner = models.IntegerField(default=0)
    module = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    value = models.JSONField(null=True)
    locked = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("setting value")
        verbose_name_plural = _("setting values")
        constraints = [
            models.UniqueConstraint(
                fields=["level", "owner", "module", "key"], name="kernel_state_setting_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.level}:{self.owner} {self.module}.{self.key}"


class Reminder(models.Model):
    """A task to run at a date of the business clock."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.IntegerField()
    key = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    task = models.CharField(max_length=200)
    args = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="kernel_state_reminder_once")
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="kernel_state_reminder_due",
                condition=models.Q(state="waiting"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.key}"


class JobStatus(models.Model):
    """One background job, so that a killed worker loses none of them."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.IntegerField(null=True)
    task = models.CharField(max_length=200)
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    args = models.JSONField(default=dict)
    attempts = models.IntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(
                fields=["created_at"],
                name="kernel_state_job_open",
                condition=models.Q(state__in=["queued", "running"]),
            ),
            models.Index(fields=["tenant_id", "-created_at"], name="kernel_state_job_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.state}"


class ScheduleSlot(models.Model):
    """One run of one schedule: the row is the lock that makes it run once."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    schedule = models.CharField(max_length=200)
    slot = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("schedule slot")
        verbose_name_plural = _("schedule slots")
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "slot"], name="kernel_state_schedule_slot_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.schedule} {self.slot}"


class DemoClock(models.Model):
    """How far the business clock of a demo runs ahead of the real one (one row)."""

    tremplin_scope = "public"

    id = models.SmallIntegerField(primary_key=True, default=1)
    offset_seconds = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("demo clock")
        verbose_name_plural = _("demo clocks")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="kernel_state_one_clock")
        ]

    def __str__(self) -> str:
        return f"{self.offset_seconds} s"


class ProcessReport(models.Model):
    """What one running process says of itself, so that mixed releases are seen."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    role = models.CharField(max_length=20)
    name = models.CharField(max_length=120, unique=True)
    registry_hash = models.CharField(max_length=64)
    troubles = models.JSONField(default=list)
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")

    def __str__(self) -> str:
        return f"{self.role} {self.name}"
