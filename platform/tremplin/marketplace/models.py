"""Listings, publishers, versions, review steps and ratings, in the public schema."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Publisher(models.Model):
    """Who makes modules, with the contacts that a buyer may need."""

    tremplin_scope = "public"

    slug = models.SlugField(primary_key=True, max_length=40)
    name = models.CharField(max_length=120)
    website = models.URLField(blank=True, default="")
    support_email = models.EmailField(blank=True, default="")
    security_email = models.EmailField(blank=True, default="")
    public_key = models.CharField(max_length=64, blank=True, default="")
    share_percent = models.DecimalField(max_digits=5, decimal_places=2, default=80)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Listing(models.Model):
    """A module in the catalogue; technical facts come from its manifest, never from here."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Submitted")
        CHECKS = "checks", _("Being checked")
        CHANGES_REQUESTED = "changes_requested", _("Changes requested")
        APPROVED = "approved", _("Approved")
        PUBLISHED = "published", _("Published")
        SUSPENDED = "suspended", _("Sales suspended")
        RETIRED = "retired", _("Retired")

    module = models.CharField(primary_key=True, max_length=31)
    publisher = models.ForeignKey(Publisher, models.PROTECT, related_name="listings")
    state = models.CharField(max_length=17, choices=State, default=State.DRAFT)
    text_en = models.TextField(blank=True, default="")
    text_fr = models.TextField(blank=True, default="")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    quality = models.CharField(max_length=10, blank=True, default="")
    quality_report = models.JSONField(default=dict, blank=True)
    stopped_at = models.DateTimeField(null=True)
    stop_reason = models.CharField(max_length=300, blank=True, default="")
    published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("module",)

    def __str__(self) -> str:
        return self.module


class Screenshot(models.Model):
    """One picture of a listing, written anew from what was sent; ``content`` is WebP.

    ``language`` is that of the texts in the picture, empty when it suits every reader.
    """

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="screenshots")
    position = models.PositiveSmallIntegerField(default=0)
    language = models.CharField(max_length=5, blank=True, default="")
    alt_en = models.CharField(max_length=200)
    alt_fr = models.CharField(max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    is_shipped = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("position", "created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("listing", "sha256"), name="marketplace_screenshot_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.listing_id} {self.position}"


class ListingVersion(models.Model):
    """One released version of a module, with what changed and the hash that was reviewed."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="versions")
    version = models.CharField(max_length=40)
    api_range = models.CharField(max_length=40)
    changes_en = models.TextField(blank=True, default="")
    changes_fr = models.TextField(blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    signature = models.CharField(max_length=200, blank=True, default="")
    released_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-released_at",)
        constraints = (
            models.UniqueConstraint(fields=("listing", "version"), name="marketplace_version_once"),
        )

    def __str__(self) -> str:
        return f"{self.listing_id} {self.version}"


class ReviewStep(models.Model):
    """One step of the operator's review: who moved the listing where, and why."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="steps")
    former = models.CharField(max_length=17)
    state = models.CharField(max_length=17, choices=Listing.State)
    by = models.UUIDField(null=True)
    note = models.CharField(max_length=1000, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"{self.listing_id} {self.state}"


class Rating(models.Model):
    """The opinion of one tenant that holds a licence; the publisher may answer once."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="ratings")
    tenant_id = models.BigIntegerField()
    author = models.UUIDField()
    stars = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    text = models.CharField(max_length=2000, blank=True, default="")
    answer = models.CharField(max_length=2000, blank=True, default="")
    answered_at = models.DateTimeField(null=True)
    is_hidden = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("listing", "tenant_id"), name="marketplace_one_rating"),
            models.CheckConstraint(
                condition=Q(stars__gte=1) & Q(stars__lte=5), name="marketplace_stars"
            ),
        )

    def __str__(self) -> str:
        return f"{self.listing_id} {self.stars}"
