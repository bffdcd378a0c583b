"""What a plugin says about itself: a frozen constant that is read before any hook is called."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    StringConstraints,
    field_validator,
    model_validator,
)

from tremplin.api.events import Event, Subscriber

SLUG_PATTERN = r"^[a-z][a-z0-9_]{1,30}$"
SEMVER_PATTERN = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$"

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
AppPath = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*$")]
DottedPath = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][\w]*(\.[a-zA-Z_][\w]*)+$")]


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Text(_Declaration):
    """A catalogue text in the two languages that every module must speak."""

    en: str = Field(min_length=1)
    fr: str = Field(min_length=1)

    def in_language(self, code: str) -> str:
        """Return the text for a language tag such as ``fr`` or ``fr-ca`` (English otherwise)."""
        return self.fr if code.lower().startswith("fr") else self.en


class Permission(_Declaration):
    """A right that roles may hold; stored per tenant and checked by core.

    ``code`` is local to the plugin: ``take`` of the plugin ``quiz`` is checked as ``quiz.take``.
    """

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,60}$")]
    label: Text
    default_roles: tuple[str, ...] = ()


class Role(_Declaration):
    """A role that the plugin adds to the ones of the core, seeded in every tenant."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,40}$")]
    label: Text
    counts_as_seat: bool = False


class Feature(_Declaration):
    """Something a plan may include; checked as ``<slug>.<code>`` through the service ``usage``.

    ``kind`` is ``switch`` (may I), ``config`` (which variant), ``limit`` (how many at once),
    ``metered`` (how many per period) or ``seat``. ``default`` holds for a tenant whose plans do
    not name it; amounts are integers, None means unlimited (for a meter: not included). Prices are
    never declared here.
    """

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,40}$")]
    kind: Literal["switch", "config", "limit", "metered", "seat"]
    label: Text
    unit: Text | None = None
    default: bool | int | str | None = None

    @model_validator(mode="after")
    def _typed(self) -> Feature:
        """A default has the type of its kind: nobody compares amounts as words later."""
        value = self.default
        is_amount = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        fits = {
            "switch": value is None or isinstance(value, bool),
            "config": value is None or isinstance(value, str),
        }.get(self.kind, value is None or is_amount)
        if not fits:
            raise ValueError(f"{value!r} is no default of a feature of kind {self.kind}")
        return self


class NotificationType(_Declaration):
    """A kind of message people may receive and mute; ``key`` is prefixed by the slug."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,60}$")]
    label: Text
    email_by_default: bool = True


class Schedule(_Declaration):
    """Periodic work: a task of the plugin and a five-field cron expression (UTC)."""

    task: DottedPath
    cron: str
    per_tenant: bool = True

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError("a cron expression has five fields: minute hour day month weekday")
        return value


class Topic(_Declaration):
    """Realtime topics the plugin publishes on, and who may read them.

    ``pattern`` holds named parts in braces (``quiz.attempt.{attempt}``); ``policy`` is the dotted
    path of a function ``(ctx, **parts) -> bool`` resolved after Django is ready.
    """

    pattern: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._{}-]{0,79}$")]
    policy: DottedPath


class Manifest(_Declaration):
    """Identity and needs of a plugin.

    Importable without Django. Every prefix (URL, table, permission, event, setting, topic) is the
    slug, which never changes and is never reused.
    """

    slug: Slug
    name: Text
    summary: Text
    category: Literal["learn", "work", "community", "manage"] = "learn"
    icon: str = "puzzle"
    version: Annotated[str, StringConstraints(pattern=SEMVER_PATTERN)]
    publisher: str = "tremplin"
    license: str = "Apache-2.0"
    api: str
    django_app: AppPath
    requires: tuple[Slug, ...] = ()
    works_with: tuple[Slug, ...] = ()
    scope: Literal["tenant"] = "tenant"
    settings: type[BaseModel] | None = None
    permissions: tuple[Permission, ...] = ()
    roles: tuple[Role, ...] = ()
    features: tuple[Feature, ...] = ()
    notification_types: tuple[NotificationType, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    events_published: tuple[type[Event], ...] = ()
    subscribers: tuple[InstanceOf[Subscriber], ...] = ()
    topics: tuple[Topic, ...] = ()
    public_prefixes: tuple[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")], ...
    ] = ()
    languages: tuple[str, ...] = ("en", "fr")
    data_use: Text
    ai_use: Text
    replaces: Slug | None = None

    @field_validator("api")
    @classmethod
    def _range(cls, value: str) -> str:
        for part in value.split(","):
            if not re.fullmatch(r"\s*(>=|>|<=|<|==|~=)\s*\d+(\.\d+){0,2}\s*", part):
                raise ValueError(f"{value!r} is not a version range such as '>=1.0,<2'")
        return value

    @field_validator("languages")
    @classmethod
    def _both_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not {"en", "fr"} <= set(value):
            raise ValueError("a plugin speaks at least English and French")
        return value

    @model_validator(mode="after")
    def _prefixes(self) -> Manifest:
        for event in self.events_published:
            if event.module() not in {self.slug, "learning"}:
                raise ValueError(f"event {event.event_name} is not prefixed by {self.slug!r}")
        codes = [feature.code for feature in self.features]
        if len(set(codes)) < len(codes):
            raise ValueError("two features have the same code")
        for topic in self.topics:
            if not topic.pattern.startswith(f"{self.slug}."):
                raise ValueError(f"topic {topic.pattern} is not prefixed by {self.slug!r}")
        return self
