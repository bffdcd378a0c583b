"""Proof that a mail domain belongs to the space: only then may addresses in it be linked.

Two ways: a code sent to a mailbox that only those who run the domain read (RFC 2142), or a TXT
record. The code is kept as a hash, lives for an hour and takes five attempts.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

import dns.exception
import dns.resolver
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenants.branding.mail import Letter, compose
from tremplin.kernel import throttle
from tremplin.kernel.current import tenant_required
from tremplin.kernel.signing import tenant_signer
from tremplin.sso.errors import SsoError
from tremplin.sso.models import Connection, EmailDomain

MAILBOXES = ("postmaster", "admin", "administrator", "hostmaster", "webmaster")
CODE_LIFE = timedelta(hours=1)
MAX_ATTEMPTS = 5
MAX_DOMAINS = 50
MAILS_PER_HOUR = 10
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 10
RECORD_NAME = "_tremplin-mail"
DNS_SECONDS = 5.0
_DOMAIN = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+$")
# Everybody may have an address there: proving one mailbox would prove nothing.
PUBLIC_PROVIDERS = frozenset(
    "aol.com bbox.fr free.fr gmail.com gmx.com gmx.de gmx.fr googlemail.com hotmail.com hotmail.fr "
    "icloud.com laposte.net live.com live.fr mac.com mail.com me.com msn.com neuf.fr orange.fr "
    "outlook.com outlook.fr proton.me protonmail.com qq.com sfr.fr wanadoo.fr web.de yahoo.com "
    "yahoo.fr yandex.com ymail.com zoho.com".split()
)


def normalise(value: str) -> str:
    """Return a domain in lower case and ASCII (IDNA), without ``@``. Raises ``SsoError``."""
    text = value.strip().rpartition("@")[2].rstrip(".").lower()
    try:
        text = text.encode("idna").decode("ascii")
    except UnicodeError:
        text = ""
    if not _DOMAIN.match(text) or len(text) > 253 or text.rpartition(".")[2].isdigit():
        raise SsoError(
            "invalid_domain", _("This is not a domain. Type it as in an address: école.fr.")
        )
    if text in PUBLIC_PROVIDERS:
        raise SsoError(
            "public_provider",
            _("Everybody can have an address in %(domain)s: it cannot belong to a space.")
            % {"domain": text},
        )
    return text


def _hash(domain: str, code: str) -> str:
    """Return what is kept of a code; the space is part of it."""
    key = str(getattr(tenant_required(), "uuid", "")).encode()
    return hmac.new(key, f"{domain}:{code}".encode(), hashlib.sha256).hexdigest()


def record_value(domain: str) -> str:
    """Return the text of the DNS record that proves ``domain`` for this space."""
    signed = tenant_signer("sso.email_domain").signature(domain)
    return f"tremplin-mail={hashlib.sha256(signed.encode()).hexdigest()[:40]}"


def record_name(domain: str) -> str:
    """Return the name of that record."""
    return f"{RECORD_NAME}.{domain}"


@transaction.atomic
def add(value: str) -> EmailDomain:
    """Note a domain to prove. Raises ``SsoError``."""
    domain = normalise(value)
    if EmailDomain.objects.count() >= MAX_DOMAINS:
        raise SsoError("too_many", _("A space has fifty mail domains at most."))
    return EmailDomain.objects.get_or_create(domain=domain)[0]


def send_code(row: EmailDomain, mailbox: str) -> str:
    """Send a code to a mailbox of the domain and return its address. Raises ``SsoError``.

    The code is stored before the mail leaves; a mail that fails leaves a code that nobody has.
    """
    if mailbox not in MAILBOXES:
        raise SsoError("mailbox", _("Choose one of the mailboxes of the list."))
    if throttle.hit("sso:domain", "mails", limit=MAILS_PER_HOUR, seconds=3600) is not None:
        raise SsoError("too_many_mails", _("Too many codes were sent. Try again in an hour."))
    code = "".join(secrets.choice(ALPHABET) for _position in range(CODE_LENGTH))
    address = f"{mailbox}@{row.domain}"
    with transaction.atomic():
        EmailDomain.objects.filter(pk=row.pk).update(
            code_hash=_hash(row.domain, code),
            code_expires_at=timezone.now() + CODE_LIFE,
            attempts=0,
        )
        _audit("security.sso_domain_code_sent", row.domain)
    space = getattr(tenant_required(), "name", "")
    with translation.override(translation.get_language() or "en"):
        letter = Letter(
            _("Code for the domain %(domain)s") % {"domain": row.domain},
            (
                _("The space “%(space)s” says that %(domain)s is its own.")
                % {"space": space, "domain": row.domain},
                _("If that is right, give this code to the person who asked for it: %(code)s")
                % {"code": f"{code[:5]}-{code[5:]}"},
                _(
                    "It works for an hour. People with an address in this domain can then be "
                    "signed in by that organisation. If you know of nothing, ignore this message."
                ),
            ),
        )
        compose(address, letter).send()
    return address


def prove_by_code(row: EmailDomain, typed: str) -> None:
    """Prove a domain with the code of the mail. Raises ``SsoError``.

    An attempt is counted before the comparison and stays counted whatever follows.
    """
    code = "".join(char for char in typed.upper() if char in ALPHABET)
    with transaction.atomic():
        found = EmailDomain.objects.select_for_update().get(pk=row.pk)
        if found.verified_at is not None:
            return
        is_open = (
            bool(found.code_hash)
            and found.code_expires_at is not None
            and found.code_expires_at > timezone.now()
            and found.attempts < MAX_ATTEMPTS
        )
        is_right = is_open and hmac.compare_digest(found.code_hash, _hash(found.domain, code))
        if is_open:
            found.attempts += 1
            found.save(update_fields=["attempts"])
        if is_right:
            _prove(found, "code")
            return
        left = MAX_ATTEMPTS - found.attempts
    if not is_open or left <= 0:
        raise SsoError("code_over", _("This code is over. Ask for another one."))
    raise SsoError("wrong_code", _("The code is not right. Look at the last mail that came."))


def prove_by_record(row: EmailDomain) -> None:
    """Prove a domain by its TXT record. Raises ``SsoError`` ``no_record`` or ``too_many_lookups``."""
    if throttle.hit("sso:domain", "lookups", limit=30, seconds=600) is not None:
        raise SsoError("too_many_lookups", _("Too many look-ups. Try again in ten minutes."))
    if record_value(row.domain) not in texts_of(record_name(row.domain)):
        raise SsoError(
            "no_record",
            _("The record is not visible yet. A new record takes up to an hour to spread."),
        )
    with transaction.atomic():
        _prove(EmailDomain.objects.select_for_update().get(pk=row.pk), "dns")


def texts_of(name: str) -> list[str]:
    """Return the TXT records of ``name``; none when there is no such name or no answer."""
    resolver = dns.resolver.Resolver()
    resolver.lifetime = DNS_SECONDS
    try:
        answer = resolver.resolve(name, "TXT")
    except dns.exception.DNSException:
        return []
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _prove(row: EmailDomain, how: str) -> None:
    row.verified_at = timezone.now()
    row.code_hash, row.code_expires_at, row.attempts = "", None, 0
    row.save()
    _audit("security.sso_domain_proven", row.domain, how=how)


@transaction.atomic
def remove(row: EmailDomain) -> None:
    """Forget a domain. Raises ``SsoError`` ``enforced`` while it is the last one of a rule."""
    from tremplin.sso import enforcement

    proven = EmailDomain.objects.exclude(verified_at=None).exclude(pk=row.pk)
    rules = Connection.objects.select_related("app").filter(is_enforced=True)
    if not proven.exists() and any(
        enforcement.scope_of(rule) == enforcement.DOMAINS for rule in rules
    ):
        raise SsoError(
            "enforced", _("This domain carries the mandatory sign-in. Lift that rule first.")
        )
    _audit("security.sso_domain_removed", row.domain)
    row.delete()


@transaction.atomic
def forget_codes() -> int:
    """Erase the codes that are over; returns how many."""
    return EmailDomain.objects.filter(code_expires_at__lt=timezone.now()).update(
        code_hash="", code_expires_at=None, attempts=0
    )


def _audit(kind: str, domain: str, **data: str) -> None:
    from tremplin.api import services

    services.audit().record(kind, target=f"domain:{domain}", data={"domain": domain, **data})
