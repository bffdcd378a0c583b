"""What a provider announces of itself, and what is wrong with it, in words.

OpenID Connect Discovery 1.0, section 4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from tremplin.sso import url_guard

WELL_KNOWN = "/.well-known/openid-configuration"
REQUIRED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
# Providers that announce an issuer other than their address, and document it.
OTHER_ISSUER = frozenset({"linkedin"})


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ``is_ok`` None is a remark that stops nothing."""

    code: str
    label: str
    is_ok: bool | None
    detail: str = ""


@dataclass(slots=True)
class Report:
    """What a provider announces; ``checks`` in the order in which they were made."""

    url: str
    checks: list[Check] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether people can sign in with this provider, as far as one can tell from outside."""
        return all(check.is_ok is not False for check in self.checks)

    def add(self, code: str, label: str, is_ok: bool | None, detail: str = "") -> bool:
        """Append one check and return whether it passed."""
        self.checks.append(Check(code, label, is_ok, detail))
        return is_ok is True


def address_of(server_url: str) -> str:
    """Return where ``server_url`` describes itself, as allauth computes it."""
    return server_url if "/.well-known/" in server_url else f"{server_url}{WELL_KNOWN}"


def examine(server_url: str, preset: str = "") -> Report:
    """Read what the provider at ``server_url`` announces and judge it. Never raises."""
    report = Report(address_of(server_url))
    label = _("The provider answers")
    try:
        content = url_guard.fetch(report.url)
    except url_guard.UrlRefused as error:
        report.add("reachable", label, False, error.message)
        return report
    report.add("reachable", label, True, report.url)
    label = _("It describes itself as an OpenID provider")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        detail = _("What it answers is not an OpenID description: check the address.")
        report.add("document", label, False, detail)
        return report
    missing = [name for name in REQUIRED if not isinstance(document.get(name), str)]
    if missing:
        detail = _("Missing: %(names)s") % {"names": ", ".join(missing)}
        report.add("document", label, False, detail)
        return report
    report.add("document", label, True)
    report.document = document
    _judge(report, server_url, preset)
    return report


def _judge(report: Report, server_url: str, preset: str) -> None:
    document = report.document
    issuer = document["issuer"]
    expected = server_url.split(WELL_KNOWN)[0].rstrip("/")
    if preset not in OTHER_ISSUER:
        report.add(
            "issuer",
            _("It has the name that you gave"),
            issuer.rstrip("/") == expected,
            ""
            if issuer.rstrip("/") == expected
            else _("It calls itself %(issuer)s: give exactly this address.") % {"issuer": issuer},
        )
    problems = []
    for name in REQUIRED[1:]:
        try:
            url_guard.check_url(document[name])
        except url_guard.UrlRefused as error:
            problems.append(f"{name}: {error.message}")
    report.add("addresses", _("Its addresses are safe"), not problems, " ".join(problems))
    flows = document.get("response_types_supported")
    flows = flows if isinstance(flows, list) else ["code"]
    report.add(
        "code_flow",
        _("It offers the authorization code flow"),
        "code" in flows,
        "" if "code" in flows else _("Offered: %(flows)s") % {"flows": ", ".join(map(str, flows))},
    )
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list):
        report.add("pkce", _("It supports PKCE with SHA-256"), "S256" in methods)
    else:
        report.add(
            "pkce",
            _("It supports PKCE with SHA-256"),
            None,
            _("It does not say so; we send it all the same."),
        )
    scopes = document.get("scopes_supported")
    if isinstance(scopes, list) and "email" not in scopes:
        report.add(
            "email", _("It tells e-mail addresses"), None, _("“email” is not among its scopes.")
        )
