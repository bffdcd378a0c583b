"""Let a licence take people beyond its seats until a date."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0002_seat_notices"),
    ]

    operations = [
        migrations.AddField(
            model_name="license",
            name="seats_open_until",
            field=models.DateTimeField(null=True),
        ),
    ]
