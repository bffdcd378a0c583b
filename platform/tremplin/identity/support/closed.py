"""What stays closed during a visit: rights that are taken away, addresses, and some actions."""

from __future__ import annotations

# Rights that the visited person keeps and the visit lacks. Menus, pages, operations of the API and
# services all ask the same rights, so that taking them away closes the doors everywhere.
CLOSED_PERMISSIONS = frozenset(
    {
        "billing.manage",  # a visitor orders, pays and ends nothing in the name of the space
        "identity.manage_api",  # keys and applications outlive the visit
        "identity.manage_roles",  # a visitor gives no rights over others
        "identity.manage_security",  # sign-in, networks, and the consent to visits itself
        "identity.support_access",  # no visit from a visit
        "operations.export",
        "operations.platform",
        "privacy.manage",
        "privacy.view",
        "profiles.manage_accommodations",  # they tell of a person's health
        "sales.buy",  # a visitor spends nobody's money
        "sales.manage",  # nor gives it back
        "sso.manage_sso",
    }
)
# Addresses that ask no right beyond being signed in: what is personal, and other ways of signing in.
CLOSED_PREFIXES = (
    "/_allauth/",
    "/accounts/",
    "/app/my-data/",
    "/app/security/",
    "/console/people/pilots/",  # their passwords would outlive the visit
    "/identity/",
    "/scim/",
    "/start/",
)
LOGOUT = "/accounts/logout/"  # ends the visit instead
# Words of a URL name: personal data leaves the space, a module and its data go, a trial is used up.
CLOSED_WORDS = frozenset({"export", "exports", "trial", "uninstall"})


def is_closed(path: str, url_name: str = "", permission: str = "") -> bool:
    """Tell whether a visit may not open an address.

    ``url_name`` is its name without namespace (``attempts_export``), ``permission`` the right that
    its view asks; both are empty when unknown.
    """
    if permission in CLOSED_PERMISSIONS or path.startswith(CLOSED_PREFIXES):
        return True
    return bool(CLOSED_WORDS & set(url_name.split("_")))
