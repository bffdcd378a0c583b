"""Background work of SAML: the metadata of providers, traces of tests."""

from __future__ import annotations

import logging

from tremplin.api.tasks import task

logger = logging.getLogger(__name__)


@task(queue="default", time_limit=600)
def refresh_metadata() -> None:
    """Read the metadata addresses again and say by mail when a certificate is about to end."""
    from tremplin.sso.errors import SsoError
    from tremplin.sso.models import Connection
    from tremplin.sso.saml import expiry, services

    rows = Connection.objects.select_related("app").filter(kind=Connection.Kind.SAML)
    for connection in rows.exclude(metadata_url=""):
        try:
            services.refresh(connection)
        except SsoError as error:
            logger.warning("metadata of %s not refreshed: %s", connection.slug, error.code)
    expiry.warn()


@task(queue="default", time_limit=300)
def forget_traces() -> None:
    """Delete the traces of old test sign-ins and the codes that are over."""
    from tremplin.sso import doctor, email_domains

    doctor.forget_old()
    email_domains.forget_codes()
