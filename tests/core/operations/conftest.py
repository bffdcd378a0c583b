"""What the tests of the consoles share."""

from __future__ import annotations

import pytest


@pytest.fixture
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget compiled entitlements, and let every module be sold, listed or not."""
    from tremplin.billing import guards
    from tremplin.licensing import snapshots

    snapshots.forget()
    monkeypatch.setattr(guards, "_guards", [])
