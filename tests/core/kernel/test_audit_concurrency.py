"""Writers at the same time make one chain: the lock holds until the commit."""

from __future__ import annotations

import threading
from typing import Any

from django.db import connection

from tremplin.kernel import audit
from tremplin.kernel.models import AuditEvent

WRITERS = 6
ROWS = 15


def test_parallel_writers_make_one_chain(own_database: str, inside: Any) -> None:
    from tenants import registry

    tenant = registry.by_slug("mecaformation")
    with inside(tenant):
        before = AuditEvent.objects.count()
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with inside(tenant):
                for row in range(ROWS):
                    audit.record("test.parallel", data={"writer": number, "row": row})
        except BaseException as error:  # noqa: BLE001  reported by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with inside(tenant):
        report = audit.verify()
        assert report.ok
        assert report.rows == before + WRITERS * ROWS
        hashes = AuditEvent.objects.values_list("prev_hash", flat=True)
        assert len(set(hashes)) == len(hashes)
