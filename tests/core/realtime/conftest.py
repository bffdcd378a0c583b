"""The live database of ``tests.core.tasks``."""

from __future__ import annotations

from tests.core.tasks.conftest import stack

__all__ = ["stack"]
