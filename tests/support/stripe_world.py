"""An installation connected to Stripe over HTTP: the stand-in, or the real test mode.

With ``TREMPLIN_STRIPE_TEST_KEY=sk_test_…`` the same calls go to Stripe. Its webhooks cannot reach
a loopback address, so events are pulled there; pages are paid through the API there.
"""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.support import legal_identity
from tests.support.stripe_server import StripeServer

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.models import Order, Price, Subscription

VISA, DECLINED = "4242424242424242", "4000000000000002"
FAILS_LATER, ASKS = "4000000000000341", "4000002500003155"
TOKENS = {VISA: "pm_card_visa", FAILS_LATER: "pm_card_chargeCustomerFail"}
TEST_KEY = "sk_test_" + "0123456789abcdefghijklmn"
REAL_KEY = os.environ.get("TREMPLIN_STRIPE_TEST_KEY", "")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def submit(url: str, **form: str) -> tuple[int, str]:
    """Send a form of a hosted page; return the status and where it leads."""
    try:
        with _opener.open(url, urllib.parse.urlencode(form).encode(), timeout=20) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code), str(error.headers.get("Location") or "")


@contextmanager
def product_server() -> Iterator[int]:
    """Serve the product on a free loopback port; threads as in production."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.daemon_threads = True
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class World:
    """Two schools, the operator, Stripe and the jobs that wait for a worker."""

    tenant: TenantInfo
    other: TenantInfo
    hq: TenantInfo
    server: StripeServer | None
    port: int = 0
    jobs: list[tuple[Any, dict[str, Any], str]] = field(default_factory=list)
    clock: str = ""
    now: datetime = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def standin(self) -> StripeServer:
        """The stand-in; only in tests that do not run against Stripe."""
        assert self.server is not None
        return self.server

    @property
    def api(self) -> Any:
        from tremplin.billing.stripe.client import api

        return api()

    # --- time -----------------------------------------------------------------------------------

    def hold(self, moment: datetime) -> None:
        """Hold the business clock."""
        from tremplin.kernel import clock

        self.now = moment
        self.stack.close()
        self.stack.enter_context(clock.frozen_at(moment, every_thread=True))

    def advance(self, **delta: float) -> None:
        """Move Stripe's clock and ours, and let everything arrive."""
        until = self.now + timedelta(**delta)
        self.api.test_helpers.test_clocks.advance(
            self.clock, {"frozen_time": int(until.timestamp())}
        )
        while self.api.test_helpers.test_clocks.retrieve(self.clock).status != "ready":
            time.sleep(1)
        self.hold(until)
        self.settle()

    def settle(self) -> None:
        """Wait for the webhooks and do the work that they queued."""
        if self.server is not None:
            self.server.deliveries.flush()
            self.work()
            return
        from tremplin.billing import projector
        from tremplin.billing.stripe import pulling

        for fact in pulling.facts_since(datetime.now(UTC) - timedelta(hours=2)):
            projector.apply(fact)

    def work(self) -> int:
        """Run the queued jobs, those that they queue included; return how many."""
        from tenants import registry
        from tenants.context import public, use

        done = 0
        while self.jobs:
            task, kwargs, tenant = self.jobs.pop(0)
            with use(registry.by_uuid(tenant)) if tenant else public():
                task.run(**kwargs)
            done += 1
        return done

    # --- customers and plans --------------------------------------------------------------------

    def identify(self, tenant: TenantInfo) -> Any:
        """Give a tenant its legal identity, Stripe as provider and a customer on the test clock."""
        from tenants.context import public_write
        from tremplin.billing import services
        from tremplin.billing.stripe import client

        account = legal_identity.give(tenant)
        account = services.update_account(tenant, provider="stripe", vat_id="FR40303265045")
        made = self.api.customers.create(
            {
                "test_clock": self.clock,
                "metadata": {"djstripe_subscriber": str(tenant.pk), "tenant": str(tenant.uuid)},
            }
        )
        with public_write("test"):
            account.provider_refs = {f"stripe:{client.mode()}:customer": made.id}
            account.save()
        return account

    def plan(self, key: str, amount: int, *, interval: str = "month", **fields: Any) -> Price:
        """Sell a plan of 100 seats at most per default; return its price."""
        from tenants.context import public_write
        from tremplin.billing.models import Price
        from tremplin.licensing.models import Plan, PlanEntitlement, PlanVersion

        with public_write("test"):
            plan, _ = Plan.objects.get_or_create(
                key=key, defaults={"name_en": key.title(), "name_fr": key.title()}
            )
            version, is_new = PlanVersion.objects.get_or_create(
                plan=plan, number=1, defaults={"sold_from": datetime(2020, 1, 1, tzinfo=UTC)}
            )
            if is_new:
                PlanEntitlement.objects.create(
                    version=version, feature="people.seats", value=fields.pop("seats", 25)
                )
            fields.pop("seats", None)
            return Price.objects.create(
                plan_version=version, interval=interval, amount_minor=amount, **fields
            )

    # --- buying ---------------------------------------------------------------------------------

    def order(
        self, tenant: TenantInfo, price: Price, *, seats: int | None = None, **options: Any
    ) -> Order:
        """Quote and order a plan through Stripe."""
        from tremplin.billing import services
        from tremplin.billing.quotes import Wanted

        quote = services.quote(
            tenant, [Wanted(price.plan_version, price.interval, seats)], **options
        )
        return services.place_order(
            tenant, quote, by=None, idempotency_key=uuid4(), provider="stripe"
        )

    def page(self, order: Order) -> str:
        """Open Stripe's page for an order."""
        from tremplin.billing import services

        return services.pay_url(
            order,
            success_url=f"http://{self.tenant.primary_host}:{self.port}/ok?s={{CHECKOUT_SESSION_ID}}",
            cancel_url=f"http://{self.tenant.primary_host}:{self.port}/back",
        ).url

    def pay(self, url: str, card: str = VISA) -> int:
        """Pay on a page with a card; return the page's status."""
        if self.server is not None:
            status, _location = submit(url, card=card, pay="1")
            return status
        return self._pay_by_api(url, card)

    def _pay_by_api(self, url: str, card: str) -> int:
        """Do what the page does, through the API: hosted pages of Stripe need a person."""
        found = next(
            row
            for row in self.api.checkout.sessions.list(
                {"limit": 20, "expand": ["data.line_items", "data.discounts"]}
            ).data
            if row.url == url
        )
        method = self.api.payment_methods.attach(TOKENS[card], {"customer": found.customer})
        lines = [{"price": row.price.id, "quantity": row.quantity} for row in found.line_items.data]
        rate = next(iter(self.api.tax_rates.list({"active": True, "limit": 1}).data)).id
        body: dict[str, Any] = {
            "customer": found.customer,
            "items": lines,
            "metadata": found.metadata.to_dict(),
            "default_payment_method": method.id,
            "default_tax_rates": [rate],
            "payment_behavior": "error_if_incomplete",
        }
        self.api.subscriptions.create(body)
        self.api.checkout.sessions.expire(found.id)
        return 303

    def subscribe(
        self,
        tenant: TenantInfo,
        price: Price,
        *,
        seats: int | None = None,
        card: str = VISA,
        **options: Any,
    ) -> Subscription:
        """Order, pay and let the facts arrive."""
        from tremplin.billing.models import Subscription

        order = self.order(tenant, price, seats=seats, **options)
        assert self.pay(self.page(order), card) == 303
        self.settle()
        return Subscription.objects.get(orders=order)

    def events(self) -> Any:
        """Return what the projector did with every fact, by kind and outcome."""
        from collections import Counter

        from tremplin.billing.models import ProviderEvent

        rows = ProviderEvent.objects.filter(provider="stripe")
        return Counter(rows.values_list("kind", "outcome"))


@contextmanager
def connected(monkeypatch: Any, settings: Any) -> Iterator[World]:
    """Connect the current database to Stripe (see the module's text)."""
    import stripe

    from tenants import registry
    from tremplin.billing.stripe import setup
    from tremplin.kernel import tasks

    found = {slug: registry.by_slug(slug) for slug in ("mecaformation", "lycee", "hq")}
    assert all(found.values())
    server = None if REAL_KEY else StripeServer().start()
    settings.STRIPE_LIVE_MODE = False
    settings.STRIPE_TEST_SECRET_KEY = REAL_KEY or TEST_KEY
    if server is not None:
        settings.STRIPE_API_HOST = server.url
        monkeypatch.setattr(stripe, "api_base", server.url)
    world = World(found["mecaformation"], found["lycee"], found["hq"], server)

    def queue(task: Any, headers: dict[str, str], kwargs: dict[str, Any], **_: Any) -> None:
        if task.name.startswith("tremplin.billing."):
            world.jobs.append((task, kwargs, headers.get(tasks.TENANT_HEADER, "")))

    monkeypatch.setattr(tasks, "send", queue)
    try:
        with product_server() as port:
            world.port = port
            if REAL_KEY:
                world.hold(datetime.now(UTC).replace(microsecond=0))
            else:
                world.hold(world.now)
                setup.run(f"http://{world.hq.primary_host}:{port}", lambda text: None)
            world.clock = world.api.test_helpers.test_clocks.create(
                {"frozen_time": int(world.now.timestamp())}
            ).id
            legal_identity.give(world.hq)
            for tenant in (world.tenant, world.other):
                world.identify(tenant)
            yield world
            if server is not None:
                assert not server.problems, sorted(set(server.problems))
    finally:
        world.stack.close()
        if server is not None:
            server.stop()


__all__ = ["ASKS", "DECLINED", "FAILS_LATER", "VISA", "World", "connected", "submit"]
