"""The live database of ``tests.core.tasks``."""

from __future__ import annotations

from tests.core.tasks.conftest import _let_the_database_be_used, stack

__all__ = ["_let_the_database_be_used", "stack"]
