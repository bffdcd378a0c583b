"""Writes of the module: short transactions, errors that say what to do."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.api import Problem, TenantContext, services
from tremplin_skill_radar.models import Target
from tremplin_skill_radar.selectors import levels_of


def set_target(ctx: TenantContext, skill: str, level: int | None) -> bool:
    """Set the level that the caller wants to reach in a skill; None or 0 removes it.

    Returns whether anything changed. Raises ``Problem``: 404 ``skill_unknown`` for a skill of which
    she has no evidence and no target, 422 ``level_invalid`` outside 0 to 100.
    """
    assert ctx.person is not None
    person = ctx.person.id
    if level is not None and not 0 <= level <= 100:
        raise Problem(422, "level_invalid", _("Choose a level between 0 and 100."))
    if skill not in {row.skill for row in levels_of(person)}:
        raise Problem(404, "skill_unknown", _("There is no evidence of this skill yet."))
    with transaction.atomic():
        held = Target.objects.select_for_update().filter(person_id=person, skill=skill).first()
        if (held.level if held else 0) == (level or 0):
            return False
        if not level:
            Target.objects.filter(person_id=person, skill=skill).delete()
        else:
            Target.objects.update_or_create(
                person_id=person, skill=skill, defaults={"level": level, "set_at": ctx.now()}
            )
        services.audit().record("skill_radar.target_set", target=f"person:{person}")
    return True
