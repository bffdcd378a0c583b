"""Settings overlay of the quiz benchmark's second web process: one bare view.

The only middleware is the one that allauth insists on; it does nothing on this path.
"""

from __future__ import annotations

ROOT_URLCONF = "tests.bench.quiz_bare_urls"
MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
