"""Cohorts and who is in them."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.identity import sharing
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import Cohort, CohortMembership, User
from tremplin.identity.normalise import clean_text, slugify
from tremplin.identity.services.record import audit

_before_deletion: list[Callable[[Cohort], None]] = []


def before_cohort_deleted(receiver: Callable[[Cohort], None]) -> None:
    """Let ``receiver(cohort)`` act in the transaction that deletes a cohort, just before."""
    if receiver not in _before_deletion:
        _before_deletion.append(receiver)


@transaction.atomic
def ensure_cohort(name: str) -> Cohort:
    """Return the cohort with this name (accents and case ignored), made when there is none.

    Raises ``IdentityError`` ``cohort_name_required``.
    """
    title = clean_text(name)[:120]
    slug = slugify(title)
    if not slug:
        raise IdentityError(
            "cohort_name_required", _("Give the cohort a name with letters or digits.")
        )
    existing = Cohort.objects.filter(slug=slug).first()
    if existing is not None:
        return existing
    return Cohort.objects.create(name=title, slug=slug)


@transaction.atomic
def rename_cohort(cohort: Cohort, name: str) -> None:
    """Change the name of a cohort and its address. Raises ``IdentityError`` when it is taken."""
    title = clean_text(name)[:120]
    slug = slugify(title)
    if not slug:
        raise IdentityError(
            "cohort_name_required", _("Give the cohort a name with letters or digits.")
        )
    if Cohort.objects.filter(slug=slug).exclude(pk=cohort.pk).exists():
        raise IdentityError("cohort_taken", _("Another cohort already has this name."))
    cohort.name, cohort.slug = title, slug
    cohort.save(update_fields=["name", "slug"])


@transaction.atomic
def delete_cohort(cohort: Cohort) -> None:
    """Delete a cohort; its members stay in the space."""
    for receiver in _before_deletion:
        receiver(cohort)
    audit("people.cohort_deleted", target=f"cohort:{cohort.pk}")
    sharing.forget_object(cohort)
    cohort.delete()


@transaction.atomic
def add_to_cohort(person: User, cohort: Cohort) -> bool:
    """Put ``person`` in ``cohort`` and return whether she was not there yet."""
    return CohortMembership.objects.get_or_create(person=person, cohort=cohort)[1]


@transaction.atomic
def remove_from_cohort(person: User, cohort: Cohort) -> bool:
    """Take ``person`` out of ``cohort`` and return whether she was in it."""
    return bool(CohortMembership.objects.filter(person=person, cohort=cohort).delete()[0])
