"""Which topics exist and who may read them: patterns of core and of every plugin that is on."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from tremplin.api.context import TenantContext
from tremplin.kernel.realtime.envelope import is_topic

Policy = Callable[..., bool]

_core: list[tuple[re.Pattern[str], Policy]] = []
_PART = re.compile(r"\{([a-z_]+)\}")


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression of a pattern such as ``quiz.attempt.{attempt}``.

    A named part matches one or more characters without a dot.
    """
    parts = _PART.split(pattern)
    text = "".join(
        f"(?P<{part}>[a-z0-9_-]+)" if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    )
    return re.compile(text)


def register_topic(pattern: str, policy: Policy) -> None:
    """Declare a topic of core; ``policy(ctx, **parts)`` says who may read it."""
    _core.append((compile_pattern(pattern), policy))


def own_topic(ctx: TenantContext, person: str) -> bool:
    """Let a person read what is addressed to her."""
    return ctx.person is not None and str(ctx.person.id) == person


register_topic("person.{person}", own_topic)


@lru_cache(maxsize=512)
def _resolve(path: str) -> Policy:
    module, _, name = path.rpartition(".")
    policy: Policy = getattr(import_module(module), name)
    return policy


def is_allowed(ctx: TenantContext, topic: str) -> bool:
    """Tell whether ``ctx.person`` may read ``topic``; what nobody declared is refused."""
    from tremplin.kernel import registry

    if not is_topic(topic):
        return False
    for pattern, policy in _core:
        if match := pattern.fullmatch(topic):
            return policy(ctx, **match.groupdict()) is True
    slug = topic.partition(".")[0]
    manifest = registry.manifest_of(slug)
    if manifest is None or slug not in ctx.enabled:
        return False
    for declared in manifest.topics:
        if match := compile_pattern(declared.pattern).fullmatch(topic):
            return _resolve(declared.policy)(ctx, **match.groupdict()) is True
    return False
