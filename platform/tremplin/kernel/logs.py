"""Log records that name the tenant and the request, and never a person."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

from tremplin.kernel.current import current_tenant
from tremplin.kernel.request_id import current_request_id

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
# Addresses whose last part opens an account or a file for whoever holds it.
SECRET_PATH = re.compile(
    r"(/start/(?:confirm|enter)/|/support/enter/|/accounts/(?:invitation|confirm-email)/"
    r"|/accounts/password/reset/key/|/files/[0-9a-f-]{36}/)[^/?\s\"]+"
)
# Attributes that libraries attach to a record and that may hold a person's data.
DROPPED = ("request", "sock", "email", "user", "username", "password", "token")


class TenantFilter(logging.Filter):
    """Adds the tenant's slug and the request id; masks addresses of people and secret links."""

    def filter(self, record: logging.LogRecord) -> bool:
        tenant = current_tenant.get()
        record.tenant = tenant.slug if tenant is not None else "-"
        record.request_id = current_request_id.get()
        for name in DROPPED:
            if hasattr(record, name):
                delattr(record, name)
        message = record.getMessage()
        masked = SECRET_PATH.sub(r"\1[token]", message)
        if "@" in masked:
            masked = EMAIL.sub("[address]", masked)
        if masked != message:
            record.msg, record.args = masked, ()
        return True


class JsonFormatter(BaseJsonFormatter):
    """One JSON object per line: time, level, logger, tenant, request, message, extra fields."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(tenant)s %(request_id)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            json_ensure_ascii=False,
        )

    def add_fields(
        self,
        log_data: dict[str, object],
        record: logging.LogRecord,
        message_dict: dict[str, object],
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()

    def formatException(self, ei: Any) -> str:  # noqa: N802  name of the parent class
        """Return the traceback with addresses of people masked."""
        return EMAIL.sub("[address]", str(super().formatException(ei)))
