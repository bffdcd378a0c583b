"""Texts that go with a brand: legal line, support address, sender (settings cascade, ``branding``)."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from tremplin.kernel import settings_store
from tremplin.kernel.settings_store import Source

MODULE = "branding"
FOOTER, SUPPORT, SENDER = "legal_footer", "support_email", "sender"
LONGEST_FOOTER = 400
ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,189}")


def _address(text: str) -> str:
    if text and not ADDRESS.fullmatch(text):
        raise ValueError("is not an e-mail address")
    return text


Address = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=254),
    AfterValidator(_address),
]


class SpaceTexts(BaseModel):
    """What a space says under its pages and mails, and from which address it writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tremplin_module: ClassVar[str] = MODULE

    legal_footer: str = Field("", max_length=LONGEST_FOOTER)
    support_email: Address = ""
    # Only a reseller sets it, and locks it: mail leaves under a name that the platform checked.
    sender: Address = ""


def of(tenant: Any) -> SpaceTexts:
    """Return the texts in force in ``tenant`` (its own, its reseller's, locks winning)."""
    return settings_store.effective(SpaceTexts, tenant, MODULE)


def sources(tenant: Any) -> dict[str, Source]:
    """Return where each text comes from and whether the reseller keeps it."""
    return settings_store.explain(SpaceTexts, tenant, MODULE)


def write_own(tenant: Any, *, legal_footer: str, support_email: str) -> list[str]:
    """Store the space's own texts; an empty one, or the reseller's, follows the reseller again.

    Returns the names of the texts that changed. Raises ``LockedSetting`` for a text that the
    reseller keeps and ``InvalidSettings`` for one that does not fit.
    """
    found = sources(tenant)
    wanted = {FOOTER: legal_footer.strip(), SUPPORT: support_email.strip().lower()}
    changed = {name: text for name, text in wanted.items() if text != found[name].value}
    above = {} if tenant.reseller_pk is None else _of_reseller(tenant.reseller_pk)
    values = {
        name: text if text and text != above.get(name) else None for name, text in changed.items()
    }
    if values:
        settings_store.write("tenant", tenant, MODULE, values, model=SpaceTexts)
    return sorted(values)


def write_preset(reseller_pk: int, values: dict[str, str], locks: frozenset[str]) -> None:
    """Store what a reseller gives to its clients; an empty text is theirs to choose."""
    stored = {name: values.get(name) or None for name in (FOOTER, SUPPORT, SENDER)}
    settings_store.write(
        "reseller", reseller_pk, MODULE, stored, locked=locks | {SENDER}, model=SpaceTexts
    )


def own_count(tenants: list[int], name: str) -> int:
    """Return how many of ``tenants`` say something of their own."""
    from tremplin.kernel.state.models import SettingValue

    return SettingValue.objects.filter(
        level="tenant", owner__in=tenants, module=MODULE, key=name
    ).count()


def of_reseller(reseller_pk: int) -> str:
    """Return the support address that a reseller gives to its clients, empty without one."""
    return str(_of_reseller(reseller_pk).get(SUPPORT) or "")


def _of_reseller(reseller_pk: int) -> dict[str, Any]:
    from tremplin.kernel.state.models import SettingValue

    rows = SettingValue.objects.filter(level="reseller", owner=reseller_pk, module=MODULE)
    return dict(rows.values_list("key", "value"))
