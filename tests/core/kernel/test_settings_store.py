"""The settings cascade: levels, locks, secrets, unusable values, forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, SecretStr

from tests.support.plugins.dummy.plugin import DummySettings
from tremplin.api import services
from tremplin.kernel import gate, settings_store
from tremplin.kernel.models import AuditEvent
from tremplin.kernel.settings_store import InvalidSettings, LockedSetting, Source, effective, write
from tremplin.kernel.settings_store.forms import settings_form
from tremplin.kernel.state.models import SettingValue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _dummy(support: Callable[..., Any]) -> None:
    support("dummy")


class CoreSettings(BaseModel):
    tremplin_module: ClassVar[str] = "identity"
    sign_up: str = "invitation"


class NeedsKey(BaseModel):
    tremplin_module: ClassVar[str] = "needy"
    key: str


def test_defaults_then_platform_then_reseller_then_tenant(space: Any, tenant_a: Any) -> None:
    import dataclasses

    reseller = space("passerelle")
    client = dataclasses.replace(tenant_a, reseller_pk=reseller.pk)
    assert effective(DummySettings, client) == DummySettings()
    write("platform", None, "dummy", {"limit": 20, "greeting": "P"})
    write("reseller", reseller, "dummy", {"limit": 30})
    write("tenant", client, "dummy", {"greeting": "T"})
    found = effective(DummySettings, client)
    assert (found.limit, found.greeting, found.loud) == (30, "T", False)
    stranger = space("lycee")
    assert effective(DummySettings, stranger).limit == 20
    assert effective(DummySettings, None).greeting == "P"
    write("tenant", client, "dummy", {"greeting": None})
    assert effective(DummySettings, client).greeting == "P"


def test_a_lock_holds_for_lower_levels(tenant_a: Any) -> None:
    write("tenant", tenant_a, "dummy", {"limit": 50})
    write("platform", None, "dummy", {"limit": 5}, locked=["limit"])
    assert effective(DummySettings, tenant_a).limit == 5
    assert settings_store.explain(DummySettings, tenant_a)["limit"] == Source("platform", True, 5)
    with pytest.raises(LockedSetting) as caught:
        write("tenant", tenant_a, "dummy", {"limit": 60})
    assert (caught.value.field, caught.value.level) == ("limit", "platform")
    write("tenant", tenant_a, "dummy", {"greeting": "still free"})
    write("platform", None, "dummy", {"limit": 5}, locked=[])
    assert effective(DummySettings, tenant_a).limit == 50


def test_a_space_named_by_its_key_obeys_the_same_locks(tenant_a: Any) -> None:
    write("platform", None, "dummy", {"limit": 5}, locked=["limit"])
    with pytest.raises(LockedSetting):
        write("tenant", tenant_a.pk, "dummy", {"limit": 60})
    write("tenant", tenant_a.pk, "dummy", {"greeting": "by key"})
    assert effective(DummySettings, tenant_a).greeting == "by key"


def test_a_secret_is_stored_as_ciphertext_and_comes_back(tenant_a: Any) -> None:
    write("tenant", tenant_a, "dummy", {"token": "s3cret"})
    row = SettingValue.objects.get(module="dummy", key="token")
    assert set(row.value) == {"$secret"}
    assert "s3cret" not in str(row.value)
    found = effective(DummySettings, tenant_a)
    assert found.token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(found)
    source = settings_store.explain(DummySettings, tenant_a)["token"]
    assert isinstance(source.value, SecretStr)


def test_values_that_do_not_fit_change_nothing(tenant_a: Any) -> None:
    with pytest.raises(InvalidSettings) as caught:
        write(
            "tenant",
            tenant_a,
            "dummy",
            {"greeting": "ok", "limit": 1000, "colour": "green", "x": 1},
        )
    assert sorted(caught.value.errors) == ["colour", "limit", "x"]
    assert SettingValue.objects.count() == 0
    with pytest.raises(ValueError, match="unknown level"):
        write("person", tenant_a, "dummy", {"limit": 3})
    with pytest.raises(LookupError, match="declares no settings"):
        write("tenant", tenant_a, "raises_not_here", {"limit": 3})


def test_a_stored_value_that_no_longer_fits_is_ignored(tenant_a: Any) -> None:
    write("tenant", tenant_a, "dummy", {"limit": 50, "greeting": "kept"})
    with services.tenancy().public_write("test"):
        SettingValue.objects.filter(key="limit").update(value=5000)
    settings_store.forget_cache()
    found = effective(DummySettings, tenant_a)
    assert (found.limit, found.greeting) == (10, "kept")


def test_core_settings_name_their_module(tenant_a: Any) -> None:
    write("tenant", tenant_a, "identity", {"sign_up": "open"}, model=CoreSettings)
    assert effective(CoreSettings, tenant_a).sign_up == "open"

    class Nameless(BaseModel):
        x: int = 1

    with pytest.raises(LookupError, match="Nameless belongs to no module"):
        effective(Nameless, tenant_a)


def test_missing_required_settings_are_named(
    tenant_a: Any, register_temporarily: Callable[[object], Any]
) -> None:
    from tests.support.plugins.slow.plugin import Plugin
    from tremplin.api import Problem

    class Needy(Plugin):
        manifest = Plugin.manifest.model_copy(update={"slug": "needy", "settings": NeedsKey})

    register_temporarily(Needy())
    gate.set_licence(tenant_a, "needy", "on", reason="test")
    assert settings_store.missing_settings(tenant_a, "needy") == ["key"]
    with pytest.raises(Problem) as caught:
        gate.activate(tenant_a, "needy")
    assert (caught.value.code, caught.value.extra) == (
        "module_settings_missing",
        {"fields": ["key"]},
    )
    write("tenant", tenant_a, "needy", {"key": "k"})
    gate.activate(tenant_a, "needy")
    assert gate.mode(tenant_a, "needy") == "on"


def test_a_change_is_recorded_without_its_values(tenant_a: Any, inside: Any) -> None:
    write("tenant", tenant_a, "dummy", {"token": "s3cret", "limit": 7})
    with inside(tenant_a):
        row = AuditEvent.objects.get(kind="settings.changed")
    assert (row.target, row.data) == ("module:dummy", {"fields": ["limit", "token"]})


def test_one_space_does_not_see_the_settings_of_another(tenant_a: Any, tenant_b: Any) -> None:
    write("tenant", tenant_a, "dummy", {"limit": 33})
    assert effective(DummySettings, tenant_b).limit == 10


def test_the_form_has_one_field_per_setting(tenant_a: Any) -> None:
    write("tenant", tenant_a, "dummy", {"token": "s3cret", "words": ("a", "b")})
    form = settings_form(DummySettings, tenant_a, "dummy")
    kinds = {name: type(field).__name__ for name, field in form.fields.items()}
    assert kinds == {
        "greeting": "CharField",
        "limit": "IntegerField",
        "loud": "BooleanField",
        "colour": "ChoiceField",
        "words": "CharField",
        "token": "CharField",
    }
    assert form["words"].value() == "a\nb"
    assert form["limit"].value() == 10
    html = str(form["token"].as_widget())
    assert 'type="password"' in html
    assert "s3cret" not in html


def test_the_form_gives_back_what_changed_only(tenant_a: Any) -> None:
    data = {
        "greeting": "Salut",
        "limit": "10",
        "loud": "on",
        "colour": "blue",
        "words": "a\n b \n\n",
    }
    form = settings_form(DummySettings, tenant_a, "dummy", {**data, "token": ""})
    assert form.is_valid(), form.errors
    assert form.changed_values() == {"greeting": "Salut", "loud": True, "words": ["a", "b"]}
    write("tenant", tenant_a, "dummy", form.changed_values())
    assert effective(DummySettings, tenant_a).words == ("a", "b")


def test_the_form_explains_bad_values_in_the_readers_language(tenant_a: Any) -> None:
    from django.utils import translation

    data = {"greeting": "x" * 21, "limit": "0", "colour": "green", "words": "", "token": ""}
    with translation.override("en"):
        form = settings_form(DummySettings, tenant_a, "dummy", data)
        assert not form.is_valid()
        assert sorted(form.errors) == ["colour", "greeting", "limit"]


def test_a_locked_field_is_shown_disabled_and_never_written(tenant_a: Any) -> None:
    write("platform", None, "dummy", {"limit": 5}, locked=["limit"])
    form = settings_form(DummySettings, tenant_a, "dummy", {"limit": "99", "greeting": "Hello"})
    assert form.fields["limit"].disabled is True
    assert form.is_valid(), form.errors
    assert "limit" not in form.changed_values()


class Checked(BaseModel):
    tremplin_module: ClassVar[str] = "identity"
    share: float = Field(default=0.5, gt=0, lt=1)
    code: str = Field(default="abc", pattern="^[a-z]+$")


def test_rules_a_widget_does_not_know_are_checked_by_the_model(tenant_a: Any) -> None:
    from django.utils import translation

    with translation.override("en"):
        form = settings_form(Checked, tenant_a, "identity", {"share": "1.0", "code": "ABC"})
        assert not form.is_valid()
    assert form.errors == {
        "share": ["Give a number below 1.0."],
        "code": ["This value is not valid here."],
    }
