"""What keeps a distributed database possible: keys, checks and statements of our own tables."""

from django.apps import apps
from django.db import connection, models

from tenants import template
from tenants.context import public
from tenants.models import TEMPLATE_SCHEMA
from tenants.routers import tenant_labels

OURS = ("tenants", "tremplin.", "plugins.")
UNNAMED = (
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.PositiveBigIntegerField,
)


def our_models():
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith(OURS)
    ]


def test_no_column_of_a_space_brings_an_unnamed_check():
    """``ADD COLUMN … CHECK`` without a name is refused in a distributed schema: those of spaces."""
    wrong = [
        f"{model._meta.label}.{field.name}"
        for model in our_models()
        if model._meta.app_label in tenant_labels()
        for field in model._meta.local_fields
        if isinstance(field, UNNAMED) and not field.primary_key  # a key is never added later
    ]
    assert wrong == []


def test_keys_of_ours_have_64_bits_or_are_uuids():
    narrow = [
        model._meta.label
        for model in our_models()
        if isinstance(model._meta.pk, models.AutoField | models.SmallAutoField)
        and not isinstance(model._meta.pk, models.BigAutoField)
    ]
    assert narrow == []


def test_no_trigger_in_a_space(db):
    with public(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relnamespace = %s::regnamespace AND NOT t.tgisinternal",
            [TEMPLATE_SCHEMA],
        )
        assert cursor.fetchone() == (0,)


def test_statements_hold_one_command_each(db):
    plan = template.build(TEMPLATE_SCHEMA)
    for statement in [*plan.tables, *plan.constraints, *plan.indexes, *plan.keys]:
        assert ";" not in statement
