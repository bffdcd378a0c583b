"""Every mail about accounts, in both languages, with the look of the space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

pytestmark = pytest.mark.django_db

LINK = "http://mecaformation.localhost/x/"
SUBJECTS = {
    "account/email/email_confirmation": (
        "Confirmez votre adresse e-mail",
        "Confirm your e-mail address",
    ),
    "account/email/email_confirmation_signup": (
        "Confirmez votre adresse e-mail",
        "Confirm your e-mail address",
    ),
    "account/email/account_already_exists": (
        "Vous avez déjà un compte",
        "You already have an account",
    ),
    "account/email/unknown_account": (
        "Aucun compte avec cette adresse",
        "No account with this address",
    ),
    "account/email/password_reset_key": (
        "Choisir un nouveau mot de passe",
        "Choose a new password",
    ),
    "account/email/password_changed": ("Votre mot de passe a changé", "Your password was changed"),
    "account/email/password_set": ("Votre mot de passe est enregistré", "Your password was set"),
    "account/email/password_reset": ("Votre mot de passe a changé", "Your password was changed"),
    "account/email/email_changed": (
        "Votre adresse e-mail a changé",
        "Your e-mail address was changed",
    ),
    "account/email/email_deleted": (
        "Une adresse e-mail a été retirée de votre compte",
        "An e-mail address was removed from your account",
    ),
    "account/email/email_confirm": (
        "Votre adresse e-mail est confirmée",
        "Your e-mail address was confirmed",
    ),
    "mfa/email/totp_activated": (
        "La connexion en deux étapes est activée",
        "Two-step sign-in is on",
    ),
    "mfa/email/totp_deactivated": (
        "La connexion en deux étapes est désactivée",
        "Two-step sign-in is off",
    ),
    "account/email/login_code": (
        "Votre code de connexion : BCDF-GHJK",
        "Your sign-in code: BCDF-GHJK",
    ),
    "account/email/account_closed": ("Ce compte est fermé", "This account is closed"),
    "account/email/new_device": (
        "Nouvelle connexion à votre compte",
        "New sign-in to your account",
    ),
    "mfa/email/webauthn_added": (
        "Une clé d’accès a été ajoutée à votre compte",
        "A passkey was added to your account",
    ),
    "mfa/email/webauthn_removed": (
        "Une clé d’accès a été retirée de votre compte",
        "A passkey was removed from your account",
    ),
    "mfa/email/recovery_codes_generated": (
        "De nouveaux codes de secours ont été créés",
        "New recovery codes were made",
    ),
}


@pytest.mark.parametrize("template", SUBJECTS)
def test_each_mail_in_both_languages(
    tenant_a: Any, inside: Any, policy: Any, template: str
) -> None:
    from tremplin.identity import mails

    policy(tenant_a, contact_email="aide@ecole.example")
    context = {
        "activate_url": LINK,
        "password_reset_url": LINK,
        "timestamp": timezone.now(),
        "ip": "192.0.2.7",
        "code": "BCDF-GHJK",
    }
    with inside(tenant_a):
        for locale in ("fr", "en"):
            mails.send(template, "x@x.example", context, locale)
    assert tuple(message.subject for message in mail.outbox) == SUBJECTS[template]
    for message, locale in zip(mail.outbox, ("fr", "en"), strict=True):
        assert message.reply_to == ["aide@ecole.example"]
        html, kind = message.alternatives[0]
        assert kind == "text/html"
        assert f'lang="{locale}"' in html
        assert message.subject in str(message.body).replace("\u202f:", " :")


def test_no_allauth_mail_is_forgotten() -> None:
    import allauth

    folder = Path(allauth.__file__).parent / "templates"
    names = {
        f"{path.parent.relative_to(folder)}/{path.name.removesuffix('_subject.txt')}"
        for path in folder.glob("*/email/*_subject.txt")
    }
    # Passwords are reset by a link, not by a code.
    absent = {"account/email/password_reset_code"}
    kept = {n for n in names - absent if n.startswith(("account/", "mfa/"))}
    kept |= {"mfa/email/recovery_codes_generated"}
    kept |= {"account/email/account_closed", "account/email/new_device"}  # ours
    assert kept == set(SUBJECTS)


def test_the_catalogue_is_complete_and_compiled() -> None:
    import gettext

    import tremplin.identity

    folder = Path(tremplin.identity.__file__).parent / "locale/fr/LC_MESSAGES"
    source = (folder / "django.po").read_text(encoding="utf-8")
    assert "fuzzy" not in source
    assert '\nmsgstr ""\n\n' not in source.split("\n\n", 1)[1]
    with (folder / "django.mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert catalogue.gettext("Forgot your password?") == "Mot de passe oublié\u202f?"
    assert catalogue.ngettext("%(total)s person", "%(total)s people", 2) == "%(total)s personnes"
