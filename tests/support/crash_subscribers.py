"""Two subscribers of a completed attempt, whose effects can be counted; loaded by a worker."""

from __future__ import annotations

from tremplin.api import Delivery, TenantContext, services, subscribe
from tremplin.kernel import outbox

COMPLETED = "tremplin.quiz.attempt_completed.v1"


@subscribe(COMPLETED)
def log_it(ctx: TenantContext, delivery: Delivery) -> None:
    """Write one line of the audit log."""
    services.audit().record("test.completed", target=str(delivery.payload["attempt_id"]))


@subscribe(COMPLETED)
def tell_her(ctx: TenantContext, delivery: Delivery) -> None:
    """Send one message to the learner."""
    texts = {"en": "Done", "fr": "Fini"}
    url = f"/app/quiz/attempt/{delivery.payload['attempt_id']}/result/"
    services.notify().send(
        [delivery.payload["person_id"]], "test.done", title=texts, body=texts, url=url
    )


for _subscriber in (log_it, tell_her):
    outbox.register_core_subscriber(_subscriber)
