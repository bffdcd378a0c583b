"""What only one place may do: schemas, cache, signatures, background sending, settings, HTTP."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.architecture.tree import calls, dotted, imports, name_of, product_files, tree_of

KERNEL = "platform/tremplin/kernel/"


def _found(
    check: Callable[[Path], Iterable[tuple[int, str]]], *, allowed: tuple[str, ...] = ()
) -> list[str]:
    return [
        f"{name_of(path)}:{line} {what}"
        for path in product_files()
        if not name_of(path).startswith(allowed or ("\0",))
        for line, what in check(path)
    ]


def test_only_tenants_switches_schemas() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in calls(path):
            if name.split(".")[-1] in {"set_schema", "set_tenant", "set_schema_to_public"}:
                yield line, name
        for line, name in imports(path):
            if name.split(".")[0] == "django_tenants":
                yield line, name
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.lower()
                if "search_path" in text and "set " in text:
                    yield node.lineno, "SET search_path"

    assert _found(check, allowed=("tenants/",)) == []


def test_only_tenants_sets_the_current_tenant() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        return ((line, name) for line, name in calls(path) if name == "current_tenant.set")

    assert _found(check, allowed=("tenants/",)) == []


def test_tasks_are_sent_by_enqueue_only() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in calls(path):
            last = name.split(".")[-1]
            if last in {"delay", "delay_on_commit", "apply_async"} and "." in name:
                yield line, name

    assert _found(check, allowed=(f"{KERNEL}tasks/",)) == []


def test_cache_is_reached_through_the_tenant() -> None:
    """The key function prefixes every key; identity keys sessions and uses it with the tenant set."""

    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in imports(path):
            if name.startswith("django.core.cache"):
                yield line, name

    allowed = (f"{KERNEL}cache.py", "tenants/", "platform/tremplin/identity/middleware.py")
    assert _found(check, allowed=allowed) == []


def test_signatures_are_bound_to_the_tenant() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in calls(path):
            last = name.split(".")[-1]
            bare = name in {"signing.dumps", "signing.loads"} or last in {
                "Signer",
                "TimestampSigner",
            }
            if bare and last != "TenantSigner":
                yield line, name

    assert _found(check, allowed=(f"{KERNEL}signing.py",)) == []


def test_settings_are_never_assigned() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        for node in ast.walk(tree_of(path)):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and dotted(target.value) == "settings":
                    yield node.lineno, dotted(target)

    assert _found(check) == []


def test_no_outgoing_http_outside_adapters() -> None:
    """Adapters only: the command line asks its own server, domains look for a verification token."""
    libraries = {"requests", "httpx", "urllib3", "aiohttp"}

    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in imports(path):
            if name.split(".")[0] in libraries or name.startswith("urllib.request"):
                yield line, name

    allowed = (
        "platform/tremplin/config/",
        "platform/tremplin/operations/check",
        "platform/tremplin/sso/url_guard.py",
        "tenants/domains.py",
    )
    assert _found(check, allowed=allowed) == []


def test_no_model_signal_across_apps() -> None:
    """``post_save`` couples apps and misses bulk writes: publish an event instead."""
    names = {"post_save", "pre_save", "post_delete", "pre_delete", "m2m_changed"}

    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in imports(path):
            if name.startswith("django.db.models.signals.") and name.split(".")[-1] in names:
                yield line, name

    # Content types are shared rows: tenants guards how they are created, on its own side.
    assert _found(check, allowed=("tenants/",)) == []


def test_no_print_outside_the_command_line() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        return ((line, name) for line, name in calls(path) if name == "print")

    allowed = (
        "platform/tremplin/config/progress.py",
        "platform/tremplin/config/cli.py",
    )
    assert _found(check, allowed=allowed) == []


def test_no_endless_stream() -> None:
    """An unbounded stream keeps a thread and a connection for ever: stream through one function."""

    def check(path: Path) -> Iterable[tuple[int, str]]:
        for line, name in calls(path):
            if name.split(".")[-1] == "StreamingHttpResponse":
                yield line, name

    allowed = ("tenants/middleware.py",)
    assert _found(check, allowed=allowed) == []


def test_no_async_view() -> None:
    def check(path: Path) -> Iterable[tuple[int, str]]:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.AsyncFunctionDef):
                yield node.lineno, node.name

    allowed = (
        f"{KERNEL}realtime/",
        "platform/tremplin/config/asgi.py",
        "platform/tremplin/config/processes.py",
        "tenants/context.py",
        "tenants/middleware.py",
    )
    assert _found(check, allowed=allowed) == []
