"""The door costs no query: a database of its own, since nothing read in a transaction is kept."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext


def test_the_list_and_the_frames_cost_no_query(own_database: str) -> None:
    from tenants import registry
    from tenants.context import use
    from tremplin.identity.network.allow_list import Rules, in_force
    from tremplin.kernel import embedding

    tenant = registry.by_slug("mecaformation")
    assert tenant is not None
    with use(tenant):
        assert (in_force(), embedding.current(tenant).frame_ancestors) == (Rules(), ())
        registry.epoch()
        with CaptureQueriesContext(connection) as queries:
            for _ in range(50):
                in_force()
                embedding.current(tenant)
    assert len(queries) == 0
