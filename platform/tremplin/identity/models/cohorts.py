"""Named sets of people."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.identity.models.people import User


class Cohort(models.Model):
    """A named set of people (a class, a session, a team)."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("address"), max_length=140, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="CohortMembership", related_name="cohorts")

    class Meta:
        verbose_name = _("cohort")
        verbose_name_plural = _("cohorts")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class CohortMembership(models.Model):
    """One person in one cohort."""

    tremplin_scope = "tenant"

    person = models.ForeignKey(User, models.CASCADE, related_name="cohort_memberships")
    cohort = models.ForeignKey(Cohort, models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("cohort", "person"), name="cohort_person_once"),
        )

    def __str__(self) -> str:
        return f"{self.cohort_id}/{self.person_id}"
