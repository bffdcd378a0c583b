"""Identity providers that a space trusts."""

from __future__ import annotations

import uuid

from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Connection(models.Model):
    """What a space decides about one identity provider, beside what allauth keeps of it.

    ``slug`` stands in the addresses of the sign-in and never changes. ``role_map`` goes from a
    value of ``role_attribute`` to a role code; a value that is not there gives ``default_role``.
    With ``updates_roles`` every sign-in reads the table again (``GivenRole``).
    """

    tremplin_scope = "tenant"

    class Kind(models.TextChoices):
        SAML = "saml", _("SAML 2.0")
        OIDC = "oidc", _("OpenID Connect")
        PLATFORM = "platform", _("Platform account")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    app = models.OneToOneField(SocialApp, models.CASCADE, related_name="connection")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    slug = models.SlugField(max_length=40, unique=True)
    label = models.CharField(_("name on the button"), max_length=80)
    preset = models.CharField(max_length=30, blank=True, default="")
    is_active = models.BooleanField(default=False)
    is_enforced = models.BooleanField(default=False)
    creates_people = models.BooleanField(default=True)
    updates_profile = models.BooleanField(default=True)
    updates_roles = models.BooleanField(default=False)
    default_role = models.CharField(max_length=40, default="learner")
    role_attribute = models.CharField(max_length=200, blank=True, default="")
    role_map = models.JSONField(default=dict, blank=True)
    metadata_url = models.URLField(max_length=500, blank=True, default="")
    metadata_checked_at = models.DateTimeField(null=True)
    metadata_error = models.CharField(max_length=300, blank=True, default="")
    certificate_expires_at = models.DateTimeField(null=True)
    last_login_at = models.DateTimeField(null=True)
    last_test_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("label",)

    def __str__(self) -> str:
        return self.label


class GivenRole(models.Model):
    """A role that a person holds because a connection gave it; only these are ever taken back."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="given_roles")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    role = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("connection", "person", "role"), name="role_given_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person_id}: {self.role}"


class ServiceKey(models.Model):
    """A signing key pair of the space as SAML service provider; the private part is encrypted.

    Two pairs are published while a new one takes over: ``next``, then ``current``.
    """

    tremplin_scope = "tenant"

    class State(models.TextChoices):
        NEXT = "next", _("Next")
        CURRENT = "current", _("Current")
        RETIRED = "retired", _("Retired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=8, choices=State.choices)
    certificate = models.TextField()
    private_key = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("state",),
                condition=~models.Q(state="retired"),
                name="one_service_key_per_state",
            ),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.created_at:%Y-%m-%d}"


class EmailDomain(models.Model):
    """A mail domain that the space has proven to be its own: its addresses may be linked."""

    tremplin_scope = "tenant"

    domain = models.CharField(primary_key=True, max_length=253)
    code_hash = models.CharField(max_length=64, blank=True, default="")
    code_expires_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("domain",)

    def __str__(self) -> str:
        return self.domain


class LoginTrace(models.Model):
    """What one test sign-in brought, decoded, with the check that failed; kept for a few days."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="traces")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    is_success = models.BooleanField(default=False)
    failed_check = models.CharField(max_length=60, blank=True, default="")
    document = models.JSONField(default=dict)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return str(self.pk)
