"""Background work of single sign-on."""

from __future__ import annotations

from tremplin.api.tasks import task


@task(queue="default", time_limit=300)
def clear_tokens() -> None:
    """Delete the expired tokens that this space gave as a provider."""
    from allauth.idp.oidc.models import Token

    Token.objects.expired().delete()
