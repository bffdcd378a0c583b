"""The tests of the worker that must hold with any broker, again with Redis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.core.redis_server.server import RedisServer
from tests.core.tasks.stack import QUEUES, Stack, live_database
from tests.core.tasks.test_worker import (
    _nothing_left,
    test_a_job_whose_message_was_lost_is_sent_again,
    test_countdown,
    test_each_task_runs_in_its_own_tenant,
    test_kill_in_the_middle_of_a_task_then_one_effect,
    test_nothing_is_sent_before_commit_nor_after_rollback,
    worker,
)
from tremplin.kernel import health

__all__ = [
    "_nothing_left",
    "test_a_job_whose_message_was_lost_is_sent_again",
    "test_countdown",
    "test_each_task_runs_in_its_own_tenant",
    "test_kill_in_the_middle_of_a_task_then_one_effect",
    "test_nothing_is_sent_before_commit_nor_after_rollback",
    "worker",
]
pytestmark = pytest.mark.slow


@dataclass
class RedisStack(Stack):
    """The same stack, with its queues in Redis."""

    server: RedisServer = field(kw_only=True)

    def messages(self) -> int:
        client = self.server.client(1)
        return sum(client.llen(name) for name in QUEUES) + client.hlen("unacked")

    def show_again(self) -> None:
        client = self.server.client(1)
        for tag, _ in client.zscan_iter("unacked_index"):
            client.zadd("unacked_index", {tag: 0})
        # A running worker looks for them every 100 seconds, a new one at once.
        self.stop()
        self.start_worker()

    def lose_messages(self) -> None:
        self.server.client(1).delete(*QUEUES, "unacked", "unacked_index")


def _send_to(url: str) -> None:
    """Make this process send its messages to the broker at ``url`` ('' is the database)."""
    from celery import current_app
    from django.conf import settings
    from kombu import pools

    from tremplin.config import celery
    from tremplin.config.env import environment
    from tremplin.kernel.tasks.base import load_application

    load_application()
    environment.cache_clear()
    settings.BROKER_URL = url
    pools.reset()  # type: ignore[no-untyped-call]
    for name, value in celery.broker().items():
        setattr(current_app.conf, name, value)
    current_app._pool = None
    current_app.amqp._producer_pool = None


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
) -> Iterator[RedisStack]:
    """Give two spaces in a database of their own and a broker in Redis."""
    blocker = request.getfixturevalue("django_db_blocker")
    request.getfixturevalue("django_db_setup")
    url = redis_server.url(1)
    redis_server.client(1).flushdb()
    with (
        blocker.unblock(),
        live_database(tmp_path_factory.mktemp("stack")) as base,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TREMPLIN_BROKER_URL", url)
        _send_to(url)
        found = RedisStack(
            base.dsn, base.a, base.b, base.folder, base.processes,
            {"TREMPLIN_BROKER_URL": url}, server=redis_server,
        )  # fmt: skip
        try:
            yield found
        finally:
            found.stop()
            if found._raw is not None:
                found._raw.close()
            patch.undo()
            _send_to("")


def test_readiness_names_the_broker(stack: RedisStack) -> None:
    del stack
    assert health.check_broker() == health.CheckResult("ok", "redis")
