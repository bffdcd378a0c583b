"""Schools' own Stripe accounts: onboarding, and the events about their sales to learners.

Nothing about a learner is kept in the public tables: an event's id, its type and the account.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from tenants import registry
from tenants.context import use
from tremplin.api import services
from tremplin.billing import accounts
from tremplin.billing.models import BillingAccount, ProviderEvent
from tremplin.billing.stripe.client import api, mode
from tremplin.kernel.tasks import runner

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

logger = logging.getLogger(__name__)
PROVIDER = "stripe_connect"


def _slot() -> str:
    return f"stripe:{mode()}:account"


def _ready_slot() -> str:
    return f"stripe:{mode()}:can_charge"


def account_id(tenant: TenantInfo) -> str:
    """Return the Stripe account of a school, '' when it has none."""
    found = BillingAccount.objects.filter(tenant_id=tenant.pk).first()
    return str(found.provider_refs.get(_slot(), "")) if found is not None else ""


def owner_of(account: str) -> TenantInfo | None:
    """Return the school of a Stripe account."""
    found = BillingAccount.objects.filter(**{f"provider_refs__{_slot()}": account}).first()
    return registry.by_pk(found.tenant_id) if found is not None and account else None


def onboarding_url(tenant: TenantInfo, *, return_url: str, refresh_url: str) -> str:
    """Return Stripe's page where a school opens or completes its own account.

    The school is the merchant: it bears Stripe's fees and the disputes.
    """
    key = account_id(tenant)
    if not key:
        key = _open(tenant)
    link = api().account_links.create(
        {
            "account": key,
            "return_url": return_url,
            "refresh_url": refresh_url,
            "type": "account_onboarding",
        }
    )
    return link.url


def _open(tenant: TenantInfo) -> str:
    account = accounts.account_of(tenant)
    made = api().accounts.create(
        {
            "country": account.country,
            "controller": {
                "fees": {"payer": "account"},
                "losses": {"payments": "stripe"},
                "stripe_dashboard": {"type": "full"},
            },
            "metadata": {"tenant": str(tenant.uuid)},
        },
        {"idempotency_key": f"account:{account.pk}"},
    )
    with services.tenancy().public_write("billing account"):
        account.provider_refs = {**account.provider_refs, _slot(): made.id}
        account.save(update_fields=["provider_refs", "updated_at"])
    return made.id


def can_charge(tenant: TenantInfo) -> bool:
    """Return whether a school's account may take payments, as Stripe says now; it is noted."""
    key = account_id(tenant)
    answer = bool(key) and bool(api().accounts.retrieve(key).charges_enabled)
    if answer != could_charge(tenant):
        with transaction.atomic(), services.tenancy().public_write("billing account"):
            account = BillingAccount.objects.select_for_update().get(tenant_id=tenant.pk)
            account.provider_refs = {**account.provider_refs, _ready_slot(): answer}
            account.save(update_fields=["provider_refs", "updated_at"])
    return answer


def could_charge(tenant: TenantInfo) -> bool:
    """Return whether a school's account could take payments when Stripe was last asked."""
    found = BillingAccount.objects.filter(tenant_id=tenant.pk).first()
    return found is not None and bool(found.provider_refs.get(_ready_slot()))


# --- events -------------------------------------------------------------------------------------


def receive(uuid: UUID, body: bytes, header: str) -> int:
    """Check, store and hand over one event; return the HTTP status of the answer.

    404 unknown endpoint, 400 bad signature, 200 otherwise: also for an account that nobody has
    (it is reported) and for an event that came before.
    """
    import stripe
    from djstripe.models import WebhookEndpoint

    endpoint = WebhookEndpoint.objects.filter(djstripe_uuid=uuid, status="enabled").first()
    if endpoint is None or endpoint.livemode != (mode() == "live"):
        return 404
    try:
        stripe.WebhookSignature.verify_header(
            body.decode("utf-8"), header, endpoint.secret, endpoint.djstripe_tolerance
        )
        event: dict[str, Any] = json.loads(body)
        key, kind = str(event["id"]), str(event["type"])
        about, account = str(event["data"]["object"]["id"]), str(event["account"])
        at = datetime.fromtimestamp(int(event["created"]), UTC)
    except (stripe.SignatureVerificationError, UnicodeDecodeError, ValueError, KeyError, TypeError):
        return 400
    tenant = owner_of(account)
    _store(key, kind, about, account, at, tenant)
    return 200


def _store(
    key: str, kind: str, about: str, account: str, at: datetime, tenant: TenantInfo | None
) -> None:
    from tremplin.billing.sales import tasks

    with transaction.atomic(), services.tenancy().public_write("connect event"):
        _, is_new = ProviderEvent.objects.get_or_create(
            provider=PROVIDER,
            event_id=key,
            defaults={
                "kind": kind[:60],
                "occurred_at": at,
                "body": {"account": account},
                "outcome": "handed_over" if tenant is not None else "unknown_account",
            },
        )
        if not is_new:
            return
        if tenant is None:
            logger.error("a Connect event names the unknown account %s", account)
            return
        with use(tenant):
            runner.enqueue(tasks.project, kind=kind, key=about, account=account)
