"""Where visits of support are allowed from the start."""

from __future__ import annotations


def test_spaces_of_a_reseller_consent_from_the_start(own_database: str) -> None:
    from tenants import provisioning, registry
    from tenants.context import use
    from tremplin.identity import identity_settings

    reseller = registry.by_slug("passerelle")
    assert reseller is not None
    for slug, key, allowed in (("campus", reseller.pk, True), ("seule", None, False)):
        tenant = provisioning.create(
            provisioning.NewTenant(
                name=slug, slug=slug, kind="school", email=f"x@{slug}.example", reseller_pk=key
            )
        )
        with use(tenant):
            assert identity_settings.current().support_access is allowed
