"""Settings overlay of the quiz benchmark's second web process: one bare view, no middleware."""

from __future__ import annotations

ROOT_URLCONF = "tests.bench.quiz_bare_urls"
MIDDLEWARE: list[str] = []
