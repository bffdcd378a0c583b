"""Content for the demonstration: the same for the same seed, added once."""

from __future__ import annotations

from random import Random

from tremplin.api import TenantContext, services
from tremplin_skill_radar.models import Target

SKILLS = ("securite-electrique", "lecture-de-plan", "communication")


def seed_demo(ctx: TenantContext, seed: int) -> None:
    """Give one target to each of the first ten learners."""
    chance = Random(seed)  # noqa: S311  content, no secret
    for person in sorted(services.people().with_role("learner"), key=lambda who: str(who.id))[:10]:
        level = chance.randrange(60, 100, 5)
        Target.objects.get_or_create(
            person_id=person.id,
            skill=chance.choice(SKILLS),
            defaults={"level": level, "set_at": ctx.now()},
        )
