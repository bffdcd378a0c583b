"""Addresses of spaces: proposal from a name, rules, reserved words, canonical hosts."""

from __future__ import annotations

import re
import unicodedata

from django.conf import settings

from tenants.errors import InvalidHost, InvalidSlug, ReservedSlug

SHORTEST, LONGEST = 3, 32
PATTERN = re.compile(r"[a-z](?:[a-z0-9]|-(?!-)){1,30}[a-z0-9]")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
IP_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")

# Words that a visitor would take for the platform itself, or that mail and certificates rely on.
RESERVED = frozenset(
    """
    about abuse account accounts admin administrator api app apps archive assets auth autoconfig
    autodiscover backup billing blog cdn console contact dashboard demo dev development dns docs
    email files forum ftp git graphql health help home host hostmaster hq http https imap info
    internal invoice invoices jobs legal localhost login logout mail mailer marketplace media
    metrics mta mx news noreply ns1 ns2 oauth oidc openid operator ops partner partners payment
    pay platform pop pop3 portal postmaster preprod press preview pricing privacy private prod
    production public realtime register reseller resellers root saml sandbox security shop signup
    sitemap smtp space spaces sso staff staging start static stats status store stripe support
    system template tenant tenants test tests theme themes tremplin webhook webhooks webmaster
    webmail wiki wpad www www1 www2
    """.split()
)


def fold(text: str) -> str:
    """Return ``text`` in ASCII lower case: accents dropped, ligatures opened."""
    opened = text.replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("Æ", "ae")
    opened = opened.replace("ß", "ss").replace("ø", "o").replace("Ø", "o").replace("ł", "l")
    flat = unicodedata.normalize("NFKD", opened)
    return flat.encode("ascii", "ignore").decode().lower()


def check(slug: str) -> str:
    """Return ``slug`` when it may be an address. Raises ``InvalidSlug`` or ``ReservedSlug``."""
    if not PATTERN.fullmatch(slug) or not SHORTEST <= len(slug) <= LONGEST:
        raise InvalidSlug(slug=slug)
    if slug in RESERVED:
        raise ReservedSlug(slug=slug)
    return slug


def base_slug(name: str) -> str:
    """Return the address that ``name`` suggests, valid but perhaps taken."""
    words = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")
    words = re.sub(r"^[^a-z]+", "", words)[:LONGEST].rstrip("-")
    if len(words) < SHORTEST:
        words = f"{words or 'x'}-space"
    return f"{words[: LONGEST - 4].rstrip('-')}-hub" if words in RESERVED else words


def propose(name: str) -> str:
    """Return a free address for ``name``: the plain one, else with the first free number."""
    from tenants.models import Tenant

    base = base_slug(name)
    taken = set(
        Tenant.objects.filter(slug__startswith=base[: LONGEST - 5]).values_list("slug", flat=True)
    )
    if base not in taken:
        return base
    number = 2
    while True:
        tail = f"-{number}"
        candidate = f"{base[: LONGEST - len(tail)].rstrip('-')}{tail}"
        if candidate not in taken:
            return candidate
        number += 1


def canonical_host(host: str) -> str:
    """Return ``host`` in lower case and punycode, without trailing dot. Raises ``InvalidHost``."""
    text = host.strip().lower().rstrip(".")
    if text.startswith("[") and text.endswith("]"):
        return text
    try:
        ascii_host = text.encode("idna").decode("ascii") if not text.isascii() else text
    except UnicodeError:
        raise InvalidHost(host=host) from None
    labels = ascii_host.split(".")
    if len(ascii_host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise InvalidHost(host=host)
    return ascii_host


def check_custom_host(host: str) -> str:
    """Return the canonical form of a space's own host; a platform host is refused."""
    name = canonical_host(host)
    if "." not in name or IP_V4.fullmatch(name) or name.startswith("["):
        raise InvalidHost(host=host)
    for ours in (settings.HQ_HOST, settings.SPACES_DOMAIN):
        if name == ours or name.endswith(f".{ours}"):
            raise InvalidHost(host=host)
    return name


def default_host(slug: str) -> str:
    """Return the host of a space whose address is ``slug``."""
    return f"{slug}.{settings.SPACES_DOMAIN}"


def schema_name(slug: str, unique_hex: str) -> str:
    """Return the schema name ``t_<slug>_<6 hex>`` (40 characters at most)."""
    return f"t_{slug.replace('-', '_')[:31]}_{unique_hex[:6]}"
