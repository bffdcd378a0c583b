"""The Celery application of workers and beat, and of every process that sends tasks."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tremplin.config.settings")
# The command line runs the system checks once; a worker would run them again at every start.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

from celery import Celery, signals
from django.conf import settings
from kombu.entity import Exchange, Queue

from tremplin.config.env import environment
from tremplin.kernel.tasks.broker import libpq_dsn

QUEUES = ("default", "mail", "bulk", "ai")
# Longer than the longest countdown (600 s, 720 s between attempts): Redis would send it twice.
VISIBILITY_SECONDS = 3600
REACH_SECONDS = 2.0
ANSWER_SECONDS = 4.0  # a worker itself waits one second for a message


def broker() -> dict[str, Any]:
    """Return where messages go: queues in the database unless TREMPLIN_BROKER_URL is set."""
    url = environment().broker_url
    if url.startswith("redis"):
        return {
            "broker_url": url,
            "broker_transport_options": {
                "visibility_timeout": VISIBILITY_SECONDS,
                "socket_connect_timeout": REACH_SECONDS,
                "socket_timeout": ANSWER_SECONDS,
                # Without a limit a page that sends a job would wait for a dead server for ever;
                # the sweeper sends what could not be sent.
                "max_retries": 1,
                "interval_start": 0,
                "interval_step": 0.1,
            },
        }
    if url:
        return {"broker_url": url}
    return {
        "broker_url": "pgmq://",
        "broker_transport_options": {
            # Always given: without it the client would read DATABASE_URL and ignore the rest.
            "conn_string": libpq_dsn(settings.DATABASES["default"]),
            "init_extension": False,
            "use_notify": True,
            "wait_time_seconds": 0,
            "notify_throttle_interval_ms": 0,
            "visibility_timeout": VISIBILITY_SECONDS,
            "pool_size": 2,
        },
    }


def _is_worth_reading(record: logging.LogRecord) -> bool:
    """Drop the remark on a broker address without host: the address is in ``conn_string``."""
    return not str(record.msg).startswith("No hostname was supplied")


logging.getLogger("kombu.connection").addFilter(_is_worth_reading)


def _queue(name: str) -> Queue:
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]


app = Celery("tremplin")
app.config_from_object(
    {
        **broker(),
        "broker_pool_limit": 2,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
        "broker_connection_retry_on_startup": True,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_max_tasks_per_child": 500,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [_queue(name) for name in QUEUES],
        "task_default_queue": "default",
        "task_default_exchange": "default",
        "task_default_routing_key": "default",
        "task_create_missing_queues": False,
        "timezone": "UTC",
        "imports": (
            "tremplin.kernel.tasks",
            "tremplin.kernel.relay",
            "tremplin.kernel.schedules",
        ),
        # No file and no table remembers beat's state: what is due is decided by rows (schedules).
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": 5,
        "beat_schedule": {
            "tick": {
                "task": "tremplin.kernel.schedules.tick",
                "schedule": 20.0,
                "options": {"expires": 40},
            },
            "sweep-jobs": {
                "task": "tremplin.kernel.tasks.sweep_jobs",
                "schedule": 30.0,
                "options": {"expires": 60},
            },
            "sweep-outbox": {
                "task": "tremplin.kernel.relay.sweep_outbox",
                "schedule": 30.0,
                "options": {"expires": 60},
            },
        },
    }
)
app.autodiscover_tasks()
app.set_default()


@signals.beat_embedded_init.connect  # type: ignore[untyped-decorator]
def _end_with_parent(**_: Any) -> None:
    """End the embedded beat when its worker was killed and could not stop it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="beat-parent", daemon=True).start()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _fresh_connections(**_: Any) -> None:
    """Give each prefork child its own database pool."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
