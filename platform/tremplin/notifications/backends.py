"""A mail backend that keeps every message as a file of the space that sent it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from tremplin.kernel.current import tenant_key

_sequence = itertools.count()


def folder(key: str) -> Path:
    """Return the folder of the mails of the space whose UUID is ``key``."""
    return Path(settings.MAIL_DIR) / key


class FolderBackend(BaseEmailBackend):
    """Writes ``<time>-<pid>-<number>.eml`` files, newest last, under the tenant's UUID."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the messages and return how many."""
        target = folder(tenant_key())
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{time.time_ns():020d}-{os.getpid()}-{next(_sequence):06d}.eml"
            temporary = target / f".{name}"
            temporary.write_bytes(message.message().as_bytes(linesep="\r\n"))
            temporary.replace(target / name)
        return len(email_messages)
