"""From a stored connection to the settings of the SAML libraries; nothing is fetched at sign-in.

allauth would read the metadata address at each sign-in, whatever it is (``file://`` included), and
keep one certificate only when given values. ``install`` replaces that reading by the stored
description, which holds every certificate of a rollover.
"""

from __future__ import annotations

from copy import copy, deepcopy
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from tremplin.identity.mails import absolute_url
from tremplin.sso.models import ServiceKey
from tremplin.sso.saml import keys
from tremplin.sso.selectors import proven_domains

STORED = "stored:"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
METADATA_LIFE = timedelta(days=365)


def stored_idp(idp: dict[str, Any]) -> dict[str, Any]:
    """Return ``{"idp": …}`` for python3-saml from the description kept with the connection."""
    from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser as Parser

    found: dict[str, Any] = Parser.parse(idp["metadata_xml"], entity_id=idp["entity_id"])
    return found


def install() -> None:
    """Make allauth read the stored description instead of an address, and take no answer itself.

    Its own addresses accept names that no connection of ours can have; its view keeps whatever is
    sent there, of any size, before it looks for the connection.
    """
    from allauth.socialaccount.providers.saml import utils, views

    utils.fetch_metadata_url_config = stored_idp
    views.ACSView.dispatch = _unknown_connection


def _unknown_connection(view: Any, request: HttpRequest, organization_slug: str) -> HttpResponse:
    raise Http404("no such connection")


def service_url(name: str, slug: str) -> str:
    """Return an address of ours on the primary host of the space.

    ``name`` is ``metadata``, ``acs`` (takes responses), ``sls`` (takes logouts) or ``login``.
    """
    return absolute_url(reverse(f"saml_{name}", args=[slug]))


def complete(app: Any) -> Any:
    """Return the allauth application with what is not stored in its row: keys, proven domains.

    For ``SocialAdapter.list_apps``: the result lives as long as the request and is never saved.
    """
    current = keys.pair_of(keys.ensure_current())
    following = ServiceKey.objects.filter(state=ServiceKey.State.NEXT).first()
    app, settings = copy(app), deepcopy(app.settings)
    advanced = settings.setdefault("advanced", {})
    advanced |= {
        "x509cert": keys.body(current.certificate),
        "private_key": current.private_key,
        "metadata_valid_until": (timezone.now() + METADATA_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "metadata_cache_duration": "P1D",
    }
    if following is not None:
        advanced["x509cert_new"] = keys.body(following.certificate)
    settings["verified_email"] = sorted(proven_domains())
    app.settings = settings
    return app


def request_data(request: HttpRequest) -> dict[str, Any]:
    """Return the request as python3-saml wants it, on the primary address of the space.

    The signature of the redirect binding covers the query as it was sent, so it is handed over raw.
    """
    base = absolute_url("")
    scheme, _separator, host = base.partition("://")
    return {
        "https": "on" if scheme == "https" else "off",
        "http_host": host,
        "script_name": request.path,
        "path_info": "",
        "get_data": request.GET.dict(),
        "post_data": request.POST.dict(),
        "query_string": request.META.get("QUERY_STRING", ""),
        "validate_signature_from_qs": True,
    }


def library_settings(app: Any, request: HttpRequest, **security: Any) -> dict[str, Any]:
    """Return the settings of python3-saml for ``app``; ``security`` overrides some of them."""
    from allauth.socialaccount.providers.saml.utils import build_saml_config

    found: dict[str, Any] = build_saml_config(request, app.settings, app.client_id)
    found["sp"]["assertionConsumerService"]["url"] = service_url("acs", app.client_id)
    found["sp"]["singleLogoutService"]["url"] = service_url("sls", app.client_id)
    found["security"] |= {
        "wantNameId": True,
        "wantAttributeStatement": False,  # the checks that follow name the missing attribute
        "allowSingleLabelDomains": True,
        **security,
    }
    return found


def auth_for(app: Any, request: HttpRequest, **security: Any) -> Any:
    """Return the python3-saml object of ``app`` for ``request``."""
    from tremplin.sso.saml.library import Auth

    return Auth(request_data(request), library_settings(app, request, **security))
