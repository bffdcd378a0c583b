"""The sequence that tells every process that the registry changed."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="CREATE SEQUENCE IF NOT EXISTS public.tenants_epoch",
            reverse_sql="DROP SEQUENCE IF EXISTS public.tenants_epoch",
        ),
    ]
