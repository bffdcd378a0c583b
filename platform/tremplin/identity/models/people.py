"""A person of a space."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.identity.normalise import fold, normalise_email
from tremplin.kernel.current import tenant_key


class UserManager(BaseUserManager["User"]):
    """Creates people; e-mail addresses are always stored in lower case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the person with this e-mail, whatever its case. Raises ``User.DoesNotExist``."""
        return self.get(email=normalise_email(username or ""))

    def create_user(
        self, email: str | None = None, password: str | None = None, **fields: Any
    ) -> User:
        """Store one person without roles or e-mail record: ``services.create_person`` adds them.

        ``username`` is accepted and dropped because allauth passes it. Raises ``ValueError``
        without an e-mail.
        """
        fields.pop("username", None)
        if not email:
            raise ValueError("a person needs an e-mail address")
        person = self.model(email=normalise_email(email), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def present(self) -> models.QuerySet[User]:
        """Return people whose account was not removed."""
        return self.filter(removed_at=None)


class User(AbstractBaseUser, PermissionsMixin):
    """A person of one space. The same human in two spaces has two unrelated rows."""

    tremplin_scope = "tenant"

    class Scheme(models.TextChoices):
        AUTO = "auto", _("Same as the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True, max_length=254)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    locale = models.CharField(_("language"), max_length=10, blank=True, default="")
    scheme = models.CharField(
        _("colours"), max_length=5, choices=Scheme.choices, default=Scheme.AUTO
    )
    is_active = models.BooleanField(default=True)
    suspended_reason = models.CharField(max_length=300, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Changing it ends every session of the person, wherever the session rows are.
    session_stamp = models.UUIDField(default=uuid.uuid4, editable=False)
    # Names and e-mail without accents or case: the database has no unaccent extension.
    search_text = models.CharField(max_length=500, default="", editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ("last_name", "first_name", "email")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_is_lower"
            ),
            models.CheckConstraint(
                condition=models.Q(is_superuser=False), name="user_is_never_superuser"
            ),
        )

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """Return the full name, the e-mail address when no name is known, or "Deleted account"."""
        if self.removed_at is not None:
            return gettext("Deleted account")
        return self.get_full_name() or self.email

    @property
    def initials(self) -> str:
        """Return one or two capital letters for the avatar."""
        letters = [part[0] for part in (self.first_name, self.last_name) if part]
        return "".join(letters or [self.email[:1]]).upper()

    @property
    def is_staff(self) -> bool:
        """Always false: there is no Django admin, consoles check roles."""
        return False

    def get_full_name(self) -> str:
        """Return first and last name joined by a space."""
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        """Return the first name, or the e-mail address."""
        return self.first_name or self.email

    def refresh_search_text(self) -> None:
        """Recompute the folded text that search reads; bulk writers call it themselves."""
        self.search_text = fold(f"{self.first_name} {self.last_name} {self.email}")[:500]

    def clean(self) -> None:
        """Normalise the e-mail address before validation."""
        self.email = normalise_email(self.email)
        super().clean()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the person with its e-mail in lower case and its search text up to date."""
        self.email = normalise_email(self.email)
        self.refresh_search_text()
        fields = kwargs.get("update_fields")
        if fields is not None and {"first_name", "last_name", "email"} & set(fields):
            kwargs["update_fields"] = {*fields, "search_text"}
        super().save(*args, **kwargs)

    def is_expired(self) -> bool:
        """Tell whether a temporary account is past its end (real clock, like sessions)."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def role_codes(self) -> frozenset[str]:
        """Return the codes of the person's roles, read once per instance."""
        cached = self.__dict__.get("_role_codes")
        if cached is None:
            cached = frozenset(self.groups.values_list("name", flat=True))
            self.__dict__["_role_codes"] = cached
        return cached

    def forget_rights(self) -> None:
        """Drop what the instance remembers of its roles and permissions."""
        for name in ("_role_codes", "_perm_cache", "_user_perm_cache", "_group_perm_cache"):
            self.__dict__.pop(name, None)

    def get_session_auth_hash(self) -> str:
        """Return what a session must match to stay valid.

        It depends on the space and on the session stamp, so a session of another space never fits
        even with the same id and password, and a new stamp ends all sessions.
        """
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Any:
        """Yield the hashes made with former secret keys."""
        from django.conf import settings

        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None) -> str:
        value = f"{tenant_key()}:{self.pk}:{self.password}:{self.session_stamp}"
        return salted_hmac(
            "tremplin.identity.session", value, secret=secret, algorithm="sha256"
        ).hexdigest()
