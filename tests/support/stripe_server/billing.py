"""Subscriptions: trials, renewals, prorations, retries and their end."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.support.stripe_server import catalog, clock, invoices
from tests.support.stripe_server.http import Request, route
from tests.support.stripe_server.store import ApiError, Body, bad, listing, merge_metadata, sublist
from tests.support.stripe_server.webhooks import emit

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer

DAY = 86_400
LIVE = frozenset({"trialing", "active", "past_due"})


def now_of(server: StripeServer, subscription: Body) -> int:
    """Return the time of a subscription's customer."""
    return clock.of(server, subscription["_account"], subscription["test_clock"])


def _item(server: StripeServer, account: str, sub: str, params: Body, start: int, end: int) -> Body:
    price = server.store.get(account, params.get("price"), "price", "items[0][price]")
    if price["recurring"] is None:
        raise bad("The price is not recurring.", "items[0][price]")
    return server.store.put(
        account,
        {
            "id": server.store.new_id("si"),
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": start,
            "current_period_end": end,
            "current_period_start": start,
            "discounts": [],
            "metadata": params.get("metadata") or {},
            "plan": None,
            "price": price,
            "quantity": params.get("quantity", 1),
            "subscription": sub,
            "tax_rates": [],
        },
    )


def create(server: StripeServer, account: str, params: Body) -> Body:
    """Create a subscription and its first invoice."""
    customer = server.store.get(account, params["customer"], "customer", "customer")
    now = clock.of(server, account, customer["test_clock"])
    trial = params.get("trial_end")
    if params.get("trial_period_days"):
        trial = now + params["trial_period_days"] * DAY
    trial = None if trial in (None, "now", "") else int(trial)
    if trial is not None and trial <= now:
        raise bad("The trial must end in the future.", "trial_end")
    if not params.get("items"):
        raise bad("A subscription needs items.", "items")
    key = server.store.new_id("sub")
    prices = [
        server.store.get(account, item.get("price"), "price", "items[0][price]")
        for item in params["items"]
    ]
    rhythm = prices[0]["recurring"]
    if rhythm is None or any(price["recurring"] != rhythm for price in prices):
        raise bad("All prices must be recurring with the same interval.", "items")
    end = trial or clock.add(now, rhythm["interval"], rhythm["interval_count"])
    items = [_item(server, account, key, item, now, end) for item in params["items"]]
    settings = params.get("trial_settings") or {}
    sub: Body = {
        "id": key,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_cycle_anchor": trial or now,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "created": now,
        "currency": prices[0]["currency"],
        "customer": customer["id"],
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": params.get("default_payment_method"),
        "default_source": None,
        "default_tax_rates": params.get("default_tax_rates") or [],
        "description": params.get("description"),
        "discounts": [],
        "ended_at": None,
        "items": sublist(items, f"/v1/subscription_items?subscription={key}"),
        "latest_invoice": None,
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {"payment_method_types": None, "save_default_payment_method": "off"},
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial else "active",
        "test_clock": customer["test_clock"],
        "transfer_data": None,
        "trial_end": trial,
        "trial_settings": {
            "end_behavior": (
                settings.get("end_behavior") or {"missing_payment_method": "create_invoice"}
            )
        },
        "trial_start": now if trial else None,
        "_warned": False,
        "_periods": 0 if trial else 1,  # paid periods since the anchor
    }
    server.store.put(account, sub)
    for row in params.get("discounts") or []:
        _discount(server, sub, row["coupon"], now)
    customer["currency"] = sub["currency"]
    invoice = _first_invoice(server, sub, customer, now)
    sub["latest_invoice"] = invoice["id"]
    emit(server, account, "customer.subscription.created", sub, at=now)
    return _first_payment(server, sub, invoice, params, now)


def _discount(server: StripeServer, sub: Body, coupon: str, now: int) -> None:
    found = server.store.get(sub["_account"], coupon, "coupon", "discounts[0][coupon]")
    months = found["duration_in_months"]
    made = server.store.put(
        sub["_account"],
        {
            "id": server.store.new_id("di"),
            "object": "discount",
            "customer": sub["customer"],
            "end": clock.add(now, "month", months) if months else None,
            "start": now,
            "subscription": sub["id"],
            "source": {"type": "coupon", "coupon": found["id"]},
            "promotion_code": None,
        },
    )
    sub["discounts"].append(made["id"])
    found["times_redeemed"] += 1


def _coupon(server: StripeServer, sub: Body, at: int) -> Body | None:
    """Return the coupon that counts at a time, and end the one that is over."""
    for key in list(sub["discounts"]):
        discount = server.store.get(sub["_account"], key, "discount")
        coupon = server.store.get(sub["_account"], discount["source"]["coupon"], "coupon")
        used = coupon["duration"] == "once" and discount.get("_used")
        if used or (discount["end"] is not None and discount["end"] <= at):
            sub["discounts"].remove(key)
            continue
        discount["_used"] = True
        return {**coupon, "_discount": key}
    return None


def _line(server: StripeServer, sub: Body, item: Body, amount: int, text: str, **more: Any) -> Body:
    product = server.store.get(sub["_account"], item["price"]["product"])
    period = {"start": item["current_period_start"], "end": item["current_period_end"], **more}
    return invoices.new_line(
        server,
        price=item["price"],
        quantity=period.pop("quantity", item["quantity"]),
        amount=amount,
        description=f"{text}{product['name']}",
        subscription=sub["id"],
        item=item["id"],
        **period,
    )


def _first_invoice(server: StripeServer, sub: Body, customer: Body, now: int) -> Body:
    free = sub["status"] == "trialing"
    lines = [
        _line(
            server,
            sub,
            item,
            0 if free else catalog.amount_of(item["price"], item["quantity"]),
            "Trial period for " if free else f"{item['quantity']} × ",
        )
        for item in sub["items"]["data"]
    ]
    coupon = None if free else _coupon(server, sub, now)
    return _invoice(server, sub, customer, lines, "subscription_create", now, coupon)


def _invoice(
    server: StripeServer,
    sub: Body,
    customer: Body,
    lines: list[Body],
    reason: str,
    at: int,
    coupon: Body | None = None,
) -> Body:
    made = invoices.draft(
        server,
        customer,
        lines,
        reason=reason,
        at=at,
        subscription=sub,
        rates=sub["default_tax_rates"],
        coupon=coupon,
        currency=sub["currency"],
    )
    emit(server, sub["_account"], "invoice.created", made, at=at)
    return invoices.finalise(server, made, at=at)


def _first_payment(server: StripeServer, sub: Body, invoice: Body, params: Body, now: int) -> Body:
    behavior = params.get("payment_behavior", "allow_incomplete")
    if sub["collection_method"] == "send_invoice" and invoice["amount_due"]:
        return sub
    if invoice["amount_due"] and sub["status"] != "trialing":
        sub["status"] = "incomplete"
    method = None if behavior == "default_incomplete" else invoices.method_for(server, invoice)
    state = invoices.pay(server, invoice, method, at=now)
    if state == "requires_payment_method" and behavior == "error_if_incomplete":
        from tests.support.stripe_server import payments

        number = method["_number"] if method else "4000000000000002"
        raise payments.declined(number)
    return sub


def invoice_paid(server: StripeServer, invoice: Body, at: int) -> None:
    """Bring a subscription back when its invoice is paid."""
    key = invoices.subscription_of(invoice)
    if key is None:
        return
    sub = server.store.rows[invoice["_account"]].get(key)
    if sub is None or sub["status"] not in {"incomplete", "past_due"}:
        return
    if sub["latest_invoice"] in {None, invoice["id"]}:
        sub["status"] = "active"
        emit(server, sub["_account"], "customer.subscription.updated", sub, at=at)


# --- what happens by itself ---------------------------------------------------------------------


def due(
    server: StripeServer, account: str, key: str | None, until: int
) -> tuple[int, Callable[[int], None]] | None:
    """Return the next thing that happens by itself up to ``until``, and when."""
    found: list[tuple[int, int, Callable[[int], None]]] = []
    for sub in server.store.find(account, "subscription", test_clock=key):
        if sub["status"] in LIVE:
            end = min(item["current_period_end"] for item in sub["items"]["data"])
            found.append((end, sub["_order"], lambda at, sub=sub: turn(server, sub, at)))
            if sub["status"] == "trialing" and not sub["_warned"]:
                warning = max(sub["trial_end"] - 3 * DAY, sub["created"])
                found.append((warning, sub["_order"], lambda at, sub=sub: _warn(server, sub, at)))
        if sub["status"] == "incomplete":
            late = sub["created"] + 23 * 3600
            found.append((late, sub["_order"], lambda at, sub=sub: _expire(server, sub, at)))
    for row in server.store.find(account, "invoice", test_clock=key, status="open"):
        if row["next_payment_attempt"]:
            moment = row["next_payment_attempt"]
            found.append((moment, row["_order"], lambda at, row=row: retry(server, row, at)))
    ready = [entry for entry in found if entry[0] <= until]
    if not ready:
        return None
    at, _, what = min(ready, key=lambda entry: entry[:2])
    return at, what


def _warn(server: StripeServer, sub: Body, at: int) -> None:
    sub["_warned"] = True
    emit(server, sub["_account"], "customer.subscription.trial_will_end", sub, at=at)


def _expire(server: StripeServer, sub: Body, at: int) -> None:
    sub |= {"status": "incomplete_expired", "ended_at": at}
    invoice = server.store.get(sub["_account"], sub["latest_invoice"])
    invoice |= {"status": "void", "next_payment_attempt": None}
    emit(server, sub["_account"], "customer.subscription.updated", sub, at=at)


def turn(server: StripeServer, sub: Body, at: int) -> None:
    """End a period: cancel as wished, or renew and collect."""
    if sub["cancel_at_period_end"]:
        _ended(server, sub, at, "cancellation_requested")
        return
    account = sub["_account"]
    customer = server.store.get(account, sub["customer"], "customer")
    trial_over = sub["status"] == "trialing"
    if trial_over:
        sub["status"] = "active"
        has_card = (
            customer["invoice_settings"]["default_payment_method"] or sub["default_payment_method"]
        )
        wish = sub["trial_settings"]["end_behavior"]["missing_payment_method"]
        if not has_card and wish == "cancel":
            _ended(server, sub, at, "payment_failed")
            return
    sub["_periods"] += 1
    lines = list(_take_pending(server, sub))
    for item in sub["items"]["data"]:
        rhythm = item["price"]["recurring"]
        count = sub["_periods"] * rhythm["interval_count"]
        item["current_period_start"] = at
        item["current_period_end"] = clock.add(
            sub["billing_cycle_anchor"], rhythm["interval"], count
        )
        amount = catalog.amount_of(item["price"], item["quantity"])
        lines.append(_line(server, sub, item, amount, f"{item['quantity']} × "))
    invoice = _invoice(
        server, sub, customer, lines, "subscription_cycle", at, _coupon(server, sub, at)
    )
    sub["latest_invoice"] = invoice["id"]
    state = "open"
    if sub["collection_method"] == "charge_automatically":
        state = invoices.pay(server, invoice, invoices.method_for(server, invoice), at=at)
        if state != "paid":
            sub["status"] = "past_due"
    emit(server, account, "customer.subscription.updated", sub, at=at)


def retry(server: StripeServer, invoice: Body, at: int) -> None:
    """Try a late invoice again; after the last attempt the subscription ends."""
    state = invoices.pay(server, invoice, invoices.method_for(server, invoice), at=at)
    if state != "paid" and invoice["next_payment_attempt"] is None:
        sub = server.store.get(invoice["_account"], invoices.subscription_of(invoice))
        _ended(server, sub, at, "payment_failed")


def _ended(server: StripeServer, sub: Body, at: int, reason: str) -> None:
    sub |= {"status": "canceled", "ended_at": at, "canceled_at": sub["canceled_at"] or at}
    sub["cancellation_details"]["reason"] = reason
    emit(server, sub["_account"], "customer.subscription.deleted", sub, at=at)


def end_now(server: StripeServer, sub: Body, reason: str) -> None:
    """Cancel a subscription at once."""
    _ended(server, sub, now_of(server, sub), reason)


# --- changes ------------------------------------------------------------------------------------


def _take_pending(server: StripeServer, sub: Body) -> list[Body]:
    rows = server.store.find(sub["_account"], "invoiceitem", _subscription=sub["id"], invoice=None)
    for row in rows:
        row["invoice"] = "taken"
    return [row["_line"] for row in rows]


def _prorate(server: StripeServer, sub: Body, item: Body, at: int, *, sign: int) -> None:
    start, end = item["current_period_start"], item["current_period_end"]
    whole = catalog.amount_of(item["price"], item["quantity"])
    amount = sign * invoices.half_up(Fraction(whole * (end - at), end - start))
    text = "Unused time on " if sign < 0 else "Remaining time on "
    line = _line(
        server, sub, item, amount, f"{text}{item['quantity']} × ", start=at, proration=True
    )
    server.store.put(
        sub["_account"],
        {
            "id": server.store.new_id("ii"),
            "object": "invoiceitem",
            "amount": amount,
            "currency": sub["currency"],
            "customer": sub["customer"],
            "date": at,
            "created": at,
            "description": line["description"],
            "invoice": None,
            "livemode": False,
            "metadata": {},
            "parent": {
                "type": "subscription_details",
                "subscription_details": {"subscription": sub["id"]},
            },
            "proration": True,
            "_line": line,
            "_subscription": sub["id"],
        },
    )


def change_items(
    server: StripeServer, sub: Body, wanted: list[Body], behavior: str, at: int
) -> None:
    """Change prices and quantities; what it costs waits as invoice items."""
    account, items = sub["_account"], sub["items"]["data"]
    prorates = behavior != "none" and sub["status"] in {"active", "past_due"}
    reset = False
    for row in wanted:
        if not row.get("id"):
            start, end = items[0]["current_period_start"], items[0]["current_period_end"]
            made = _item(server, account, sub["id"], row, start, end)
            items.append(made)
            if prorates:
                _prorate(server, sub, made, at, sign=1)
            continue
        item = next((found for found in items if found["id"] == row["id"]), None)
        if item is None:
            raise bad(f"No such subscription item: {row['id']}", "items[0][id]", "resource_missing")
        if prorates:
            _prorate(server, sub, item, at, sign=-1)
        if row.get("deleted"):
            items.remove(item)
            continue
        former = item["price"]["recurring"]["interval"]
        if row.get("price"):
            item["price"] = server.store.get(account, row["price"], "price", "items[0][price]")
        item["quantity"] = row.get("quantity", item["quantity"])
        merge_metadata(item, row.get("metadata"))
        if item["price"]["recurring"]["interval"] != former:
            reset = True
        elif prorates:
            _prorate(server, sub, item, at, sign=1)
    if reset and sub["status"] != "trialing":
        _restart(server, sub, at)


def _restart(server: StripeServer, sub: Body, at: int) -> None:
    """Another rhythm: a new period starts now and is billed whole."""
    sub |= {"billing_cycle_anchor": at, "_periods": 1}
    for item in sub["items"]["data"]:
        rhythm = item["price"]["recurring"]
        item["current_period_start"] = at
        item["current_period_end"] = clock.add(at, rhythm["interval"], rhythm["interval_count"])
        _prorate(server, sub, item, at, sign=1)
    sub["_bill_now"] = True


def update(server: StripeServer, sub: Body, params: Body) -> Body:
    """Change a subscription as asked; a refused payment takes everything back."""
    if sub["status"] in {"canceled", "incomplete_expired"}:
        raise bad("A canceled subscription can only update its metadata.", "", "resource_missing")
    params, at = dict(params), now_of(server, sub)
    if params.get("billing_cycle_anchor") not in {None, "unchanged", "now"}:
        raise bad("billing_cycle_anchor is now or unchanged.", "billing_cycle_anchor")
    merge_metadata(sub, params.pop("metadata", None))
    behavior = params.pop("proration_behavior", "create_prorations")
    at = params.pop("proration_date", at)
    if "cancel_at_period_end" in params:
        wished = params.pop("cancel_at_period_end")
        sub |= {"cancel_at_period_end": wished, "canceled_at": at if wished else None}
        ends = min(item["current_period_end"] for item in sub["items"]["data"])
        sub["cancel_at"] = ends if wished else None
    for name in ("default_payment_method", "default_tax_rates", "description"):
        if name in params:
            sub[name] = params.pop(name) or None
    wanted = params.pop("items", [])
    payment = params.pop("payment_behavior", "allow_incomplete")
    if params:
        raise bad(f"The stand-in does not change {sorted(params)}.", sorted(params)[0])
    change_items(server, sub, wanted, behavior, at)
    if behavior == "always_invoice" or sub.pop("_bill_now", False):
        _bill_changes(server, sub, payment, at)
    emit(server, sub["_account"], "customer.subscription.updated", sub, at=at)
    return sub


def _bill_changes(server: StripeServer, sub: Body, payment: str, at: int) -> None:
    lines = _take_pending(server, sub)
    if not lines:
        return
    customer = server.store.get(sub["_account"], sub["customer"], "customer")
    invoice = _invoice(server, sub, customer, lines, "subscription_update", at)
    sub["latest_invoice"] = invoice["id"]
    if sub["collection_method"] != "charge_automatically":
        return
    method = invoices.method_for(server, invoice)
    state = invoices.pay(server, invoice, method, at=at)
    if state == "paid":
        return
    if payment == "error_if_incomplete":
        from tests.support.stripe_server import payments

        raise payments.declined(method["_number"] if method else "4000000000000002")
    sub["status"] = "past_due"


def preview(server: StripeServer, request: Request) -> Body:
    """Return the invoice that a change would make, and change nothing."""
    params = request.params
    sub = server.store.get(
        request.account, params.get("subscription"), "subscription", "subscription"
    )
    details = dict(params.get("subscription_details") or {})
    held, faults = server.store.snapshot(), server.faults.drop
    server.faults.drop = -1
    try:
        at = details.get("proration_date", now_of(server, sub))
        behavior = details.get("proration_behavior", "create_prorations")
        change_items(server, sub, details.get("items") or [], behavior, at)
        customer = server.store.get(request.account, sub["customer"], "customer")
        lines, at = _take_pending(server, sub), at
        if behavior != "always_invoice" and not sub.pop("_bill_now", False):
            for item in sub["items"]["data"]:
                at = item["current_period_end"]
                rhythm = item["price"]["recurring"]
                amount = catalog.amount_of(item["price"], item["quantity"])
                end = clock.add(at, rhythm["interval"], rhythm["interval_count"])
                text = f"{item['quantity']} × "
                lines.append(_line(server, sub, item, amount, text, start=at, end=end))
        made = invoices.draft(
            server,
            customer,
            lines,
            reason="upcoming",
            at=at,
            subscription=sub,
            rates=sub["default_tax_rates"],
            coupon=None if behavior == "always_invoice" else _coupon(server, sub, at),
            currency=sub["currency"],
        )
        return {**made, "id": f"upcoming_{made['id']}"}
    finally:
        server.store.restore(held)
        server.faults.drop = faults


# --- routes -------------------------------------------------------------------------------------


@route("POST", "/v1/subscriptions", "subscription_create")
def create_subscription(server: StripeServer, request: Request) -> Body:
    held = server.store.snapshot()
    try:
        return create(server, request.account, request.params)
    except ApiError:
        server.store.restore(held)
        raise


@route("GET", "/v1/subscriptions", "subscription_list")
def list_subscriptions(server: StripeServer, request: Request) -> Body:
    rows, params = server.store.find(request.account, "subscription"), request.params
    state = params.get("status", "")
    if state and state not in {"all", "ended"}:
        rows = [row for row in rows if row["status"] == state]
    elif state != "all":
        rows = [row for row in rows if (row["status"] == "canceled") == (state == "ended")]
    for name in ("customer", "test_clock"):
        if params.get(name):
            rows = [row for row in rows if row[name] == params[name]]
    if params.get("price"):
        rows = [
            row
            for row in rows
            if params["price"] in {item["price"]["id"] for item in row["items"]["data"]}
        ]
    return listing(rows, params, request.path)


@route("GET", "/v1/subscriptions/{id}", "subscription_retrieve")
def get_subscription(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "subscription")


@route("POST", "/v1/subscriptions/{id}", "subscription_update")
def update_subscription(server: StripeServer, request: Request) -> Body:
    held = server.store.snapshot()
    sub = server.store.get(request.account, request.args[0], "subscription")
    try:
        return update(server, sub, request.params)
    except ApiError:
        server.store.restore(held)
        raise


@route("DELETE", "/v1/subscriptions/{id}", "subscription_cancel")
def cancel_subscription(server: StripeServer, request: Request) -> Body:
    sub = server.store.get(request.account, request.args[0], "subscription")
    if sub["status"] in {"canceled", "incomplete_expired"}:
        raise bad("This subscription was canceled.", "id", "resource_missing")
    end_now(server, sub, "cancellation_requested")
    return sub


@route("GET", "/v1/subscription_items", "subscription_item_list")
def list_items(server: StripeServer, request: Request) -> Body:
    sub = server.store.get(request.account, request.params["subscription"], "subscription")
    return listing(sub["items"]["data"], request.params, request.path)
