"""The spaces every test starts from."""

from tenants import registry


def test_every_kind_is_present_once_or_twice(db):
    kinds = [tenant.kind for tenant in registry.all_tenants()]
    assert sorted(kinds) == [
        "company",
        "company",
        "hq",
        "reseller",
        "reseller",
        "school",
        "school",
    ]
    assert {tenant.status for tenant in registry.all_tenants()} == {"active"}


def test_spaces_answer_on_their_hosts(tenant_a, tenant_b, hq):
    assert registry.by_host("mecaformation.localhost") == tenant_a
    assert registry.by_host("lycee.localhost") == tenant_b
    assert registry.by_host("tremplin.localhost") == hq
