"""What must hold before a module is tried or bought: nobody pays for what cannot be switched on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.api import API_VERSION
from tremplin.kernel import gate, registry
from tremplin.kernel.registry import PluginEntry
from tremplin.marketplace.models import Listing

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, and whether it stands in the way."""

    key: str
    ok: bool
    text: str
    module: str = ""


def check(tenant: TenantInfo, entry: PluginEntry, listing: Listing | None) -> list[Finding]:
    """Return every check of a module for a space; all must be ``ok`` before a purchase."""
    found = [_api(entry), _stopped(entry, listing), *_needs(tenant, entry)]
    conflict = _replaced(tenant, entry)
    return [*found, conflict] if conflict is not None else found


def problems(tenant: TenantInfo, entry: PluginEntry, listing: Listing | None) -> list[str]:
    """Return the sentences of what stands in the way."""
    return [item.text for item in check(tenant, entry, listing) if not item.ok]


def _api(entry: PluginEntry) -> Finding:
    wanted = entry.manifest.api if entry.manifest is not None else ""
    if entry.status == "ok":
        text = _("Made for this platform (interface %(here)s, the module accepts %(range)s).")
        return Finding("api", True, text % {"here": API_VERSION, "range": wanted})
    if entry.status == "incompatible":
        text = _("Not compatible: the module wants interface %(range)s, the platform has %(here)s.")
        return Finding("api", False, text % {"here": API_VERSION, "range": wanted or "?"})
    return Finding("api", False, _("The module does not start: the operator has been told."))


def _stopped(entry: PluginEntry, listing: Listing | None) -> Finding:
    if listing is not None and listing.stopped_at is not None:
        return Finding("security", False, _("The operator stopped this module for security."))
    return Finding("security", True, _("No security stop."))


def _needs(tenant: TenantInfo, entry: PluginEntry) -> list[Finding]:
    if entry.manifest is None or not entry.manifest.requires:
        return [Finding("requires", True, _("Needs no other module."))]
    language = get_language() or "en"
    found = []
    for slug in entry.manifest.requires:
        manifest = registry.manifest_of(slug)
        name = manifest.name.in_language(language) if manifest is not None else slug
        if manifest is None:
            text = _("Needs the module %(name)s, which is not installed on this platform.")
            found.append(Finding("requires", False, text % {"name": name}, slug))
        elif gate.mode(tenant, slug) != "on":
            text = _("Needs the module %(name)s: switch it on first.")
            found.append(Finding("requires", False, text % {"name": name}, slug))
        else:
            text = _("Needs the module %(name)s, which is on.")
            found.append(Finding("requires", True, text % {"name": name}, slug))
    return found


def _replaced(tenant: TenantInfo, entry: PluginEntry) -> Finding | None:
    """A module that takes the place of another does not run beside it."""
    former = entry.manifest.replaces if entry.manifest is not None else None
    if former is None or gate.mode(tenant, former) == "off":
        return None
    manifest = registry.manifest_of(former)
    name = manifest.name.in_language(get_language() or "en") if manifest is not None else former
    return Finding(
        "conflict",
        False,
        _("Takes the place of %(name)s: switch that one off first.") % {"name": name},
        former,
    )
