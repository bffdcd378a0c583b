from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Target",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("skill", models.CharField(max_length=80, verbose_name="skill")),
                ("level", models.PositiveSmallIntegerField(verbose_name="level")),
                ("set_at", models.DateTimeField(verbose_name="set")),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "target",
                "verbose_name_plural": "targets",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("person", "skill"), name="skill_radar_target_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__gte", 1), ("level__lte", 100)),
                        name="skill_radar_level_1_to_100",
                    ),
                ],
            },
        ),
    ]
