"""The committed snapshot of the database is what the migrations make."""

from __future__ import annotations

from tenants import fingerprint, snapshot

ADVICE = "run `python3 manage.py snapshot build` and commit tenants/snapshot/schema.sql"


def test_the_snapshot_was_made_from_these_migrations() -> None:
    assert snapshot.fingerprint_of_file() == fingerprint.of_code(), ADVICE


def test_the_snapshot_equals_a_fresh_build(
    django_db_setup: None, django_db_blocker: object
) -> None:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        assert snapshot.check() == "", ADVICE
