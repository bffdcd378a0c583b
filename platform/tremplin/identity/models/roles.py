"""Roles that a space made for itself; the declared ones are groups without a row here."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.identity.models.people import User


class CustomRole(models.Model):
    """Name and origin of a group that an administrator made by copying a role."""

    tremplin_scope = "tenant"

    group = models.OneToOneField(
        Group, models.CASCADE, primary_key=True, related_name="custom_role"
    )
    label = models.CharField(_("name"), max_length=80, unique=True)
    description = models.CharField(_("description"), max_length=300, blank=True, default="")
    copied_from = models.CharField(max_length=40, blank=True, default="")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("label",)

    def __str__(self) -> str:
        return self.label
