from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kernel_state", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="modulestate",
            name="purge_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="processreport",
            name="troubles",
            field=models.JSONField(default=list),
        ),
    ]
