"""A stateful stand-in for Stripe: real HTTP, real signatures, its own clock, loopback only.

``StripeServer().start()`` binds 127.0.0.1 on a free port. Requests are checked against the
parameter types of the official SDK; what it does not know is answered 404 with a clear text.
Amounts of prorations and the dates of retries are approximations of the real service.
"""

from __future__ import annotations

from tests.support.stripe_server.http import StripeServer

__all__ = ["StripeServer"]
