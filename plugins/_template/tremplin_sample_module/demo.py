"""Content for the demonstration: the same for the same seed, added once."""

from __future__ import annotations

from random import Random

from tremplin.api import TenantContext, services
from tremplin_sample_module.models import Item

TITLES = (
    "Préparer mon entretien",
    "Relire le chapitre 3",
    "Visiter une entreprise",
    "Mettre mon CV à jour",
)


def seed_demo(ctx: TenantContext, seed: int) -> None:
    """Give two items to each of the first ten learners, the first one finished."""
    chance = Random(seed)  # noqa: S311  content, no secret
    for person in sorted(services.people().with_role("learner"), key=lambda who: str(who.id))[:10]:
        for index, title in enumerate(chance.sample(TITLES, 2)):
            Item.objects.get_or_create(
                person_id=person.id,
                title=title,
                defaults={"created_at": ctx.now(), "done_at": None if index else ctx.now()},
            )
