"""How much one request of a directory may ask for."""

from __future__ import annotations

MAX_RESULTS = 1_000  # resources in an answer, and candidates that a filter may be evaluated on
MAX_BODY = 1_048_576  # bytes of one request, bulk included
MAX_BULK_OPERATIONS = 200
MAX_PATCH_OPERATIONS = 1_000
# Operations of a PATCH times members of the group: what they cost together.
MAX_PATCH_WORK = 200_000
MAX_QUERY = 8_192  # characters of the query string
MAX_FILTER = 2_000  # characters
MAX_KEY = 300  # characters of userName, displayName of a group, externalId
# Calls per key: Entra ID asks for 25 per second at least.
CALLS_PER_MINUTE = 3_000
FAILURES_PER_MINUTE = 60  # per address
REFUSALS_PER_HOUR = 60  # written to the audit log, per key
