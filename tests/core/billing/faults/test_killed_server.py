"""kill -9 of the database server between a payment and what it gives, and right after both.

A server of its own with durable writes, processes that really lose it, and a restart that replays
its log. What the page had said is still true; what it had not said can be said again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import stack as stacks

pytestmark = pytest.mark.slow

START = """
import json, sys
import django
django.setup()
from uuid import UUID, uuid4
from tenants import registry
from tests.core.billing.engine.conftest import identify, make_price, purchase
from tremplin.billing import fulfilment, guards, projector, reconciliation
from tremplin.billing.models import Invoice, LedgerEntry, Order, Payment, ProviderEvent, Subscription
from tremplin.billing.providers import sandbox
from tremplin.licensing.models import License
guards._guards = []
def wait(text):
    print(text, flush=True)
    sys.stdin.readline()
def state():
    return {
        "events": list(ProviderEvent.objects.order_by("id").values_list("outcome", flat=True)),
        "orders": list(Order.objects.order_by("created_at").values_list("state", flat=True)),
        "payments": Payment.objects.count(),
        "invoices": list(Invoice.objects.order_by("sequence").values_list("sequence", "state")),
        "subscriptions": Subscription.objects.count(),
        "licences": License.objects.filter(subscription__isnull=False).count(),
        "ledger": sum(LedgerEntry.objects.values_list("amount_minor", flat=True)),
        "differences": [item.kind for item in reconciliation.run()],
    }
"""
PREPARE = """
from tenants import provisioning, setup
setup.ensure_database(lambda text: None)
for slug, kind in (("hq", "hq"), ("mecaformation", "school")):
    provisioning.create(provisioning.NewTenant(
        name=slug, slug=slug, kind=kind, email=f"b@{slug}.example",
        options={"owner": {"email": f"o@{slug}.example", "password_hash": None,
                           "first_name": "O", "last_name": "O"}}))
school = registry.by_slug("mecaformation")
identify(school)
first = purchase(school, make_price("school", 39000), provider="sandbox")
second = purchase(school, make_price("quiz", 4900, module="quiz"), provider="sandbox")
print(json.dumps([str(first.pk), str(second.pk)]))
"""
# The payment is reported; the server dies inside the transaction that gives.
BETWEEN = """
order = Order.objects.get(pk=sys.argv[1])
real = fulfilment.set_items
def half_way(*args, **options):
    real(*args, **options)
    wait("given, not committed")
fulfilment.set_items = half_way
try:
    sandbox.submit_card(order, sandbox.GOOD)
except Exception as error:
    print(type(error).__name__, flush=True)
"""
# The page says "paid"; the server dies at that very moment.
AFTER = """
print(sandbox.submit_card(Order.objects.get(pk=sys.argv[1]), sandbox.GOOD), flush=True)
wait("said")
"""
LOOK = "print(json.dumps(state()))"
REPAIR = """
found = reconciliation.run(repair=True)
print(json.dumps([[item.kind, item.is_repaired] for item in found]))
"""
AGAIN = """
print(json.dumps(sandbox.submit_card(Order.objects.get(pk=sys.argv[1]), sandbox.GOOD)))
"""


class Shop:
    """A durable server and the processes that use it."""

    def __init__(self, database: Any, environment: dict[str, str]) -> None:
        self.database = database
        self.environment = environment

    def open(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", START + script, *arguments],
            cwd=stacks.ROOT, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, script: str, *arguments: str) -> Any:
        child = self.open(script, *arguments)
        out, err = child.communicate(timeout=240)
        assert child.returncode == 0, err[-3000:]
        return json.loads(out.strip().splitlines()[-1])

    def kill(self) -> None:
        """End the server without a word, and start it again."""
        os.kill(self.database.pid, signal.SIGKILL)
        limit = time.monotonic() + 30
        while self.database.running() and time.monotonic() < limit:
            time.sleep(0.01)
        assert not self.database.running()
        self.database.restart()


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shop, str, str]]:
    from tenants.embedded import server

    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = Path(tempfile.mkdtemp(prefix="tremplin-killed-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as ended:
        ended.callback(shutil.rmtree, folder, ignore_errors=True)
        database = ended.enter_context(server(folder / "postgres", durable=True))
        data = folder / "data"
        data.mkdir()
        found = Shop(database, stacks._environment(data, database.url, stacks.free_port()))
        first, second = found.run(PREPARE)
        yield found, first, second


def test_killed_between_the_payment_and_the_grant(shop: tuple[Shop, str, str]) -> None:
    world, first, second = shop
    child = world.open(BETWEEN, first)
    assert child.stdout is not None
    assert child.stdout.readline() == "given, not committed\n"
    world.kill()
    out, err = child.communicate("go on\n", timeout=60)
    assert out == "OperationalError\n", err[-3000:]
    # The payment is known; neither a payment row, nor a number, nor a licence is half written.
    assert world.run(LOOK) == {
        "events": [""], "orders": ["open", "open"], "payments": 0, "invoices": [],
        "subscriptions": 0, "licences": 0, "ledger": 0, "differences": ["fact"],
    }  # fmt: skip
    assert world.run(REPAIR) == [["fact", True]]
    whole = {
        "events": ["applied"], "orders": ["paid", "open"], "payments": 1, "invoices": [[1, "paid"]],
        "subscriptions": 1, "licences": 1, "ledger": 0, "differences": [],
    }  # fmt: skip
    assert world.run(LOOK) == whole
    # The person, who saw an error, presses once more.
    assert world.run(AGAIN, first) == "settled"
    assert world.run(LOOK) == whole

    # The second order is paid, said so, and the server dies at once.
    child = world.open(AFTER, second)
    assert child.stdout is not None
    assert [child.stdout.readline(), child.stdout.readline()] == ["settled\n", "said\n"]
    world.kill()
    child.communicate("go on\n", timeout=60)
    assert world.run(LOOK) == {
        "events": ["applied", "applied"], "orders": ["paid", "paid"], "payments": 2,
        "invoices": [[1, "paid"], [2, "paid"]], "subscriptions": 2, "licences": 2, "ledger": 0,
        "differences": [],
    }  # fmt: skip
    assert world.run(REPAIR) == []
