"""Background work of the quiz module."""

from __future__ import annotations

from uuid import UUID

from tremplin.api import services
from tremplin.api.tasks import task


@task(module="quiz", time_limit=60)
def submit_overdue(attempt: str) -> None:
    """Submit an attempt whose time is over; one that was submitted or erased is left alone."""
    from plugins.quiz.models import Attempt
    from plugins.quiz.services.taking import settle

    found = Attempt.objects.select_related("quiz").filter(pk=UUID(attempt)).first()
    if found is not None:
        settle(services.contexts().current(), found)
