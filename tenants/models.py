"""The registry, in the schema ``public``: spaces, hosts, cells, jobs, schema states, brands.

No row here names a person, except the billing mailbox of a space.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

TEMPLATE_SCHEMA = "tenant_template"


class Cell(models.Model):  # type: ignore[django-manager-missing]
    """A complete stack (application, database, files) that holds some of the spaces."""

    tremplin_scope = "public"

    name = models.SlugField(max_length=40, unique=True)
    url = models.URLField(blank=True)
    is_local = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Tenant(TenantMixin):  # type: ignore[misc]
    """One space. The schema name never changes and is never given to another space."""

    tremplin_scope = "public"
    auto_create_schema = False
    auto_drop_schema = False

    class Kind(models.TextChoices):
        HQ = "hq", _("Operator")
        RESELLER = "reseller", _("Reseller")
        SCHOOL = "school", _("School")
        COMPANY = "company", _("Company")

    class Status(models.TextChoices):
        PROVISIONING = "provisioning", _("Being created")
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        MAINTENANCE = "maintenance", _("Under maintenance")
        ARCHIVED = "archived", _("Archived")
        DELETING = "deleting", _("Being deleted")
        FAILED = "failed", _("Creation failed")

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    schema_name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind)
    status = models.CharField(max_length=16, choices=Status, default=Status.PROVISIONING)
    status_reason = models.CharField(max_length=200, blank=True)
    reseller = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="customers",
    )
    cell = models.ForeignKey(
        Cell, null=True, blank=True, on_delete=models.PROTECT, related_name="tenants"
    )
    locale = models.CharField(max_length=8, default="fr")
    timezone = models.CharField(max_length=64, default="Europe/Paris")
    theme = models.CharField(max_length=40, default="base")
    email = models.EmailField(help_text=_("Billing mailbox of the space"))
    canary = models.BooleanField(default=False)
    entitlement_version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    delete_after = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["hq", "reseller", "school", "company"]),
                name="tenants_tenant_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "provisioning",
                        "active",
                        "suspended",
                        "maintenance",
                        "archived",
                        "deleting",
                        "failed",
                    ]
                ),
                name="tenants_tenant_status",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(kind="hq"), name="tenants_tenant_one_hq"
            ),
            models.CheckConstraint(
                condition=Q(reseller__isnull=True) | Q(kind__in=["school", "company"]),
                name="tenants_tenant_reseller_depth",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def new_verification_token() -> str:
    """Return the token that proves the control of a custom host (128 bits)."""
    return secrets.token_urlsafe(16)


class Domain(DomainMixin):  # type: ignore[misc]
    """A host of a space: lower case, punycode, no port, no trailing dot."""

    tremplin_scope = "public"

    class Kind(models.TextChoices):
        SUBDOMAIN = "subdomain", _("Sub-domain of the platform")
        CUSTOM = "custom", _("Own domain")

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    domain = models.CharField(max_length=253, unique=True)
    is_primary = models.BooleanField(default=False)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.SUBDOMAIN)
    verification_token = models.CharField(max_length=64, default=new_verification_token)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(is_primary=True),
                name="tenants_domain_one_primary",
            ),
            models.CheckConstraint(
                condition=Q(is_primary=False) | Q(verified_at__isnull=False),
                name="tenants_domain_primary_verified",
            ),
        ]

    def __str__(self) -> str:
        return self.domain

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the host in its canonical form. Raises ``InvalidHost``."""
        from tenants.slugs import canonical_host

        self.domain = canonical_host(self.domain)
        models.Model.save(self, *args, **kwargs)


class ProvisioningJob(models.Model):
    """One creation of a space: what a killed process leaves for the next call to see."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="job")
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    step = models.CharField(max_length=60, blank=True)
    attempts = models.IntegerField(default=1)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.IntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.state}"


class SchemaState(models.Model):
    """Where a schema stands against the code: written by the migrator and by provisioning."""

    tremplin_scope = "public"

    class Status(models.TextChoices):
        CURRENT = "current", _("Current")
        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        FAILED = "failed", _("Failed")

    schema_name = models.CharField(max_length=63, primary_key=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    previous_fingerprint = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=32, blank=True)
    release = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    attempts = models.IntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.IntegerField(null=True, blank=True)
    error = models.TextField(blank=True)
    worker = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.schema_name} {self.status}"


class Branding(models.Model):
    """One version of the look of a space. At most one draft and one published version."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        ARCHIVED = "archived", _("Archived")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="brandings")
    number = models.IntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    inputs = models.JSONField(default=dict, help_text=_("What the person chose"))
    derived = models.JSONField(
        default=dict, help_text=_("Values of BrandInfo computed from the inputs")
    )
    tokens_css = models.TextField(blank=True)
    css_hash = models.CharField(max_length=64, blank=True)
    logo_file = models.CharField(max_length=200, blank=True)
    mail_logo_file = models.CharField(max_length=200, blank=True)
    icon_file = models.CharField(max_length=200, blank=True)
    author = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="tenants_branding_number"),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(state="published"),
                name="tenants_branding_one_published",
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(state="draft"),
                name="tenants_branding_one_draft",
            ),
        ]
        indexes = [models.Index(fields=["css_hash"], name="tenants_branding_css")]

    def __str__(self) -> str:
        return f"{self.tenant_id} v{self.number}"


class BrandPreset(models.Model):
    """One version of the look that a reseller gives to its clients, and what it locks.

    ``values`` holds the fields it sets, ``locks`` those that a client may not choose itself.
    """

    tremplin_scope = "public"

    class State(models.TextChoices):
        PUBLISHED = "published", _("Published")
        ARCHIVED = "archived", _("Archived")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="presets")
    number = models.IntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.PUBLISHED)
    values = models.JSONField(default=dict)
    locks = models.JSONField(default=list)
    logo_file = models.CharField(max_length=200, blank=True)
    mail_logo_file = models.CharField(max_length=200, blank=True)
    icon_file = models.CharField(max_length=200, blank=True)
    author = models.UUIDField(null=True, blank=True)
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="tenants_preset_number"),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(state="published"),
                name="tenants_preset_one_published",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} v{self.number}"


class DeletionProof(models.Model):
    """What remains of a deleted space: that it was erased, when, and what was erased."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_uuid = models.UUIDField(unique=True)
    schema_name = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=12)
    rows = models.BigIntegerField()
    files = models.BigIntegerField()
    archive_sha256 = models.CharField(max_length=64, blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.tenant_uuid)
