"""What every page shows around its content: the space, navigation, the person, preferences."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language, gettext

from tenants.branding import support, texts, themes
from tremplin.api import PersonRef, TenantContext, hookspecs
from tremplin.billing.sales.sellers import shows_shop
from tremplin.kernel.current import tenant_required
from tremplin.kernel.dispatch import dispatcher
from tremplin.licensing.selectors import Banner
from tremplin.licensing.selectors import banners as licence_banners

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the sidebar."""

    label: str
    url: str
    icon: str
    badge: str = ""
    current: bool = False
    testid: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A titled group of sidebar entries."""

    label: str
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Space:
    name: str
    short_name: str
    logo_url: str
    home_url: str


@dataclass(frozen=True, slots=True)
class ShellPerson:
    name: str
    initials: str
    role: str
    profile_url: str


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class Count:
    url: str
    count: int


@dataclass(frozen=True, slots=True)
class Stylesheets:
    pack: str
    theme_url: str


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything the layouts read; built once per page."""

    space: Space
    css: Stylesheets
    languages: list[Language]
    scheme: str
    sections: list[Group] = field(default_factory=list)
    person: ShellPerson | None = None
    notifications: Count | None = None
    help_url: str = ""
    footer_links: list[Link] = field(default_factory=list)
    sidebar: str = "light"
    banners: list[Banner] = field(default_factory=list)
    legal_notice: str = ""


@dataclass(frozen=True, slots=True)
class CoreEntry:
    """A page of the core in the sidebar of the console, and the permission that shows it."""

    label: str
    url_name: str
    icon: str
    permission: str
    testid: str


# What the staff opens every day stands with the modules; the rest sets the space up.
DAILY = frozenset(
    {
        "portal:console",
        "people:list",
        "reseller:index",
        "operations:platform",
        "operations:plans",
        "operations:revenue",
        "operations:payments",
        "marketplace:listings",
    }
)
# Who may come in, by which door, and what happened there.
ACCESS = frozenset({"people:roles", "people:security", "sso_console:index", "api_console:keys"})
# Pages that stand under another address than their entry.
PART_OF = {
    "/platform/coupons/": "operations:plans",
    "/platform/versions/": "operations:plans",
    "/platform/publishers/": "marketplace:listings",
}
# Pages that one kind of space has.
ONE_KIND = {
    "reseller:index": "reseller",
    "operations:platform": "hq",
    "operations:plans": "hq",
    "operations:revenue": "hq",
    "operations:payments": "hq",
    "marketplace:listings": "hq",
}
# The operator pays nobody.
NOT_FOR = {"billing:index": "hq", "sales:index": "hq"}


# Labels are marked for translation here and translated when the page is built.
def _core_entries() -> list[CoreEntry]:
    return [
        CoreEntry(
            gettext("Dashboard"),
            "portal:console",
            "layout-dashboard",
            "portal.console",
            "nav-console",
        ),
        CoreEntry(gettext("People"), "people:list", "users", "identity.view_people", "nav-people"),
        CoreEntry(
            gettext("Modules"), "marketplace:index", "blocks", "portal.modules", "nav-modules"
        ),
        CoreEntry(
            gettext("Billing"), "billing:index", "credit-card", "billing.view", "nav-billing"
        ),
        CoreEntry(gettext("Sales"), "sales:index", "receipt", "sales.manage", "nav-sales"),
        CoreEntry(
            gettext("Branding"), "portal:branding", "palette", "portal.branding", "nav-branding"
        ),
        CoreEntry(
            gettext("Roles"), "people:roles", "shield-check", "identity.view_people", "nav-roles"
        ),
        CoreEntry(
            gettext("Security"), "people:security", "lock", "kernel.view_audit", "nav-security"
        ),
        CoreEntry(
            gettext("Single sign-on"), "sso_console:index", "key-round", "sso.manage_sso", "nav-sso"
        ),
        CoreEntry(gettext("API"), "api_console:keys", "plug", "identity.manage_api", "nav-api"),
        CoreEntry(gettext("Privacy"), "privacy:register", "shield", "privacy.view", "nav-privacy"),
        CoreEntry(
            gettext("Export"), "operations:export", "archive", "operations.export", "nav-export"
        ),
        CoreEntry(
            gettext("Clients"),
            "reseller:index",
            "building-2",
            "reseller.view",
            "nav-clients",
        ),
        CoreEntry(
            gettext("Platform"),
            "operations:platform",
            "server",
            "operations.platform",
            "nav-platform",
        ),
        CoreEntry(gettext("Plans"), "operations:plans", "tag", "operations.plans", "nav-plans"),
        CoreEntry(
            gettext("Revenue"),
            "operations:revenue",
            "chart-column",
            "operations.revenue",
            "nav-revenue",
        ),
        CoreEntry(
            gettext("Payments"),
            "operations:payments",
            "receipt",
            "operations.revenue",
            "nav-payments",
        ),
        CoreEntry(
            gettext("Marketplace"),
            "marketplace:listings",
            "package",
            "marketplace.review",
            "nav-listings",
        ),
    ]


ROLE_ORDER = (
    "platform_admin support billing reseller_owner reseller_staff admin manager trainer coach "
    "recruiter dpo professional learner candidate member"
).split()


def path_of(name: str) -> str:
    """Return the path of a named URL, or an empty string when that part is not installed."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def initials(name: str) -> str:
    """Return one or two capitals for an avatar."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def stylesheets(tenant: TenantInfo | None) -> Stylesheets:
    """Return the style pack and the theme address of a space (defaults outside any)."""
    if tenant is None:
        return Stylesheets("vega", "")
    default_pack = themes.chain(tenant.theme)[0].pack if themes.installed() else "vega"
    css_hash = tenant.brand.css_hash
    theme_url = reverse("portal:theme", kwargs={"css_hash": css_hash}) if css_hash else ""
    return Stylesheets(tenant.brand.pack or default_pack, theme_url)


def _item(entry_url: str, path: str, label: str, icon: str, testid: str, badge: str = "") -> Item:
    return Item(label, entry_url, icon, badge, path == entry_url, testid)


def _mark_current(groups: list[Group], path: str) -> list[Group]:
    """Mark the entry whose address begins this page's; the longest one when several do."""
    homes = {path_of("portal:app"), path_of("portal:console")}
    for start, entry in PART_OF.items():
        if path.startswith(start):
            path = path_of(entry)
    above = [
        item.url
        for group in groups
        for item in group.items
        if path == item.url or (item.url not in homes and path.startswith(item.url))
    ]
    found = max(above, key=len, default="")
    return [
        Group(group.label, [replace(item, current=item.url == found) for item in group.items])
        for group in groups
    ]


def sections(ctx: TenantContext, path: str) -> list[Group]:
    """Return the sidebar: one's own pages, the modules, then the console for staff."""
    found = dispatcher.collect(hookspecs.navigation, ctx.enabled, ctx=ctx)
    visible = [
        (answer.plugin, answer.value)
        for answer in found
        if not answer.value.permission or ctx.can(answer.value.permission)
    ]

    def entries(section: str) -> list[Item]:
        chosen = sorted(
            (pair for pair in visible if pair[1].section == section),
            key=lambda pair: (pair[1].order, pair[0]),
        )
        return [
            _item(ctx.url(nav.url_name), path, str(nav.label), nav.icon, f"nav-{slug}", nav.badge)
            for slug, nav in chosen
        ]

    own = [_item(path_of("portal:app"), path, gettext("Home"), "house", "nav-home")]
    if ctx.tenant.kind == "hq" and (spaces := path_of("sso:spaces")):
        own.append(_item(spaces, path, gettext("My spaces"), "layers", "nav-spaces"))
    own += entries("learn")
    if ctx.can("sales.buy") and shows_shop(tenant_required()) and (shop := path_of("sales:shop")):
        own.append(_item(shop, path, gettext("Shop"), "tag", "nav-shop"))
    groups = [Group(gettext("Learn"), own)]
    core: dict[str, list[Item]] = {"daily": [], "space": [], "access": []}
    for entry in _core_entries():
        if ctx.tenant.kind != ONE_KIND.get(entry.url_name, ctx.tenant.kind):
            continue
        if ctx.tenant.kind == NOT_FOR.get(entry.url_name):
            continue
        if ctx.can(entry.permission) and (url := path_of(entry.url_name)):
            item = _item(url, path, entry.label, entry.icon, entry.testid)
            core[_group_of(entry.url_name)].append(item)
    for label, items in (
        (gettext("Manage"), core["daily"] + entries("manage")),
        (gettext("Space"), core["space"]),
        (gettext("Access"), core["access"]),
    ):
        if items:
            groups.append(Group(label, items))
    return _mark_current(groups, path)


def _group_of(url_name: str) -> str:
    if url_name in DAILY:
        return "daily"
    return "access" if url_name in ACCESS else "space"


def role_label(roles: frozenset[str]) -> str:
    """Return the name of the most important role, for the person block."""
    from tremplin.identity.roles import is_custom, label

    for code in ROLE_ORDER:
        if code in roles:
            return str(label(code))
    own = sorted(code for code in roles if is_custom(code))
    return label(own[0]) if own else ""


def build(request: HttpRequest) -> Shell | None:
    """Return the shell of a page, or ``None`` when no space answers this request."""
    tenant: TenantInfo | None = getattr(request, "tenant", None)
    if tenant is None:
        return None
    active = (get_language() or settings.LANGUAGE_CODE).split("-")[0]
    languages = [
        Language(code, {"fr": "Français", "en": "English"}[code], code == active)
        for code, _label in settings.LANGUAGES
    ]
    ctx: TenantContext | None = getattr(request, "ctx", None)
    person = ctx.person if ctx else None
    user = getattr(request, "user", None)
    scheme = getattr(user, "scheme", "") or request.COOKIES.get("scheme", "auto")
    brand = tenant.brand
    home = "portal:app" if person else "portal:home"
    privacy = path_of("privacy:mine") if person else ""
    footer = [Link(gettext("My data"), privacy)] if privacy else []
    if address := support.for_people(tenant):
        footer.append(Link(gettext("Support"), f"mailto:{address}"))
    return Shell(
        space=Space(tenant.name, brand.short_name or tenant.name, brand.logo_url, path_of(home)),
        css=stylesheets(tenant),
        languages=languages,
        scheme=scheme if scheme in {"light", "dark"} else "auto",
        sections=sections(ctx, request.path) if ctx and person else [],
        person=ShellPerson(
            person.display_name,
            initials(person.display_name),
            role_label(person.roles),
            path_of("portal:profile"),
        )
        if person
        else None,
        notifications=_notifications(person),
        help_url=path_of("portal:help"),
        footer_links=footer,
        sidebar=brand.sidebar or "light",
        banners=licence_banners(tenant) if ctx and person and ctx.can("billing.view") else [],
        legal_notice=texts.of(tenant).legal_footer,
    )


def _notifications(person: PersonRef | None) -> Count | None:
    url = path_of("notifications:list") if person else ""
    if not url or person is None:
        return None
    from tremplin.notifications.selectors import unread_count

    return Count(url, unread_count(person.id))
