"""What people of the tests have in common."""

from __future__ import annotations

PASSWORD = "une phrase assez longue 7"
