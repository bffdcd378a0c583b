"""Stored files."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="StoredFileRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=150, verbose_name="name")),
                ("mime", models.CharField(max_length=100, verbose_name="type")),
                ("size", models.BigIntegerField(verbose_name="size")),
                ("sha256", models.CharField(max_length=64)),
                ("owner", models.UUIDField(db_index=True, null=True, verbose_name="owner")),
                ("purpose", models.CharField(max_length=80, verbose_name="purpose")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={"verbose_name": "file", "verbose_name_plural": "files"},
        ),
    ]
