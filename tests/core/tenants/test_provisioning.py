"""Creating spaces: refusals, failures at every step, concurrency, a killed process."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone

from tenants import locks, provisioning, registry, slugs, steps
from tenants.context import public, public_write, use
from tenants.errors import (
    HostTaken,
    InvalidHost,
    InvalidSlug,
    InvalidTenant,
    ProvisioningBusy,
    ProvisioningFailed,
    ReservedSlug,
    SlugTaken,
)
from tenants.migrator import status
from tenants.models import Domain, ProvisioningJob, Tenant
from tenants.provisioning import NewTenant, create

ROOT = Path(__file__).resolve().parents[3]


def new(slug="neuve", **values):
    return NewTenant(
        **{
            "name": "École neuve",
            "slug": slug,
            "kind": "school",
            "email": "billing@neuve.example",
            **values,
        }
    )


def test_a_created_space_is_complete(own_database):
    info = create(new(locale="en", timezone="America/Martinique"))
    assert (info.slug, info.kind, info.status, info.locale) == ("neuve", "school", "active", "en")
    assert info.hosts == ("neuve.localhost",)
    assert info.schema_name == f"t_neuve_{info.uuid.hex[:6]}"
    assert registry.by_host("NEUVE.localhost:8000") == info
    job = ProvisioningJob.objects.get(tenant_id=info.pk)
    assert (job.state, job.attempts, job.error) == ("done", 1, "")
    assert status.verify() == []
    with use(info):
        from tremplin.identity.models import User

        assert User.objects.count() == 0


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"slug": "a"}, InvalidSlug),
        ({"slug": "Été"}, InvalidSlug),
        ({"slug": "a--b"}, InvalidSlug),
        ({"slug": "-ab"}, InvalidSlug),
        ({"slug": "ab-"}, InvalidSlug),
        ({"slug": "1ab"}, InvalidSlug),
        ({"slug": "x" * 33}, InvalidSlug),
        ({"slug": "www"}, ReservedSlug),
        ({"slug": "admin"}, ReservedSlug),
        ({"slug": "lycee"}, SlugTaken),
        ({"host": "lycee.localhost"}, HostTaken),
        ({"host": "LYCEE.localhost."}, HostTaken),
        ({"host": "http://x"}, InvalidHost),
        ({"host": "a b.example"}, InvalidHost),
        ({"kind": "club"}, InvalidTenant),
        ({"kind": "hq", "slug": "other", "host": "other.localhost"}, InvalidTenant),
        ({"name": "  "}, InvalidTenant),
        ({"name": "x" * 121}, InvalidTenant),
        ({"email": "nobody"}, InvalidTenant),
        ({"locale": "xx"}, InvalidTenant),
        ({"timezone": "Mars/Phobos"}, InvalidTenant),
        ({"reseller_pk": 1}, InvalidTenant),
        ({"reseller_pk": 99999}, InvalidTenant),
    ],
)
def test_refusals_write_nothing(db, values, error):
    before = (Tenant.objects.count(), Domain.objects.count(), ProvisioningJob.objects.count())
    with pytest.raises(error):
        create(new(**values))
    after = (Tenant.objects.count(), Domain.objects.count(), ProvisioningJob.objects.count())
    assert after == before


def test_a_reseller_has_customers_and_no_depth(db, space):
    reseller = space("passerelle")
    info = create(new(reseller_pk=reseller.pk))
    assert info.reseller_pk == reseller.pk
    with pytest.raises(InvalidTenant):
        create(new("deeper", kind="reseller", reseller_pk=reseller.pk))


PARTS = ["replay", *[step.name for step in steps.provisioning_steps()], "commit"]


@pytest.mark.parametrize("part", PARTS)
def test_a_failure_at_any_part_keeps_nothing_and_the_same_call_succeeds(
    own_database, monkeypatch, part
):
    def fail(name):
        if name == part:
            raise OSError(f"failed at {name}")

    monkeypatch.setattr(provisioning, "_hook", fail)
    with pytest.raises(ProvisioningFailed, match=f"failed at {part}"):
        create(new())
    row = Tenant.objects.get(slug="neuve")
    assert row.status == "failed"
    assert ProvisioningJob.objects.get(tenant=row).state == "failed"
    assert schema_exists(row.schema_name) is False
    assert status.unused() == []
    monkeypatch.undo()
    info = create(new())
    assert (info.pk, info.status) == (row.pk, "active")
    assert ProvisioningJob.objects.get(tenant_id=info.pk).attempts == 2
    with pytest.raises(SlugTaken):
        create(new())


def schema_exists(name):
    with public(), connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [name])
        return cursor.fetchone()[0]


def test_eight_at_once(own_database):
    def make(number):
        try:
            return create(new(f"neuve{number}")).slug
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        made = sorted(pool.map(make, range(8)))
    assert made == [f"neuve{number}" for number in range(8)]
    assert len(registry.active()) == 15
    assert status.verify() == []


def test_the_same_address_at_once_is_given_once(own_database):
    def make(_number):
        try:
            return create(new()).slug
        except (SlugTaken, ProvisioningBusy) as error:
            return type(error).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(make, range(6)))
    assert made.count("neuve") == 1
    assert set(made) <= {"neuve", "SlugTaken", "ProvisioningBusy"}
    assert Tenant.objects.filter(slug="neuve").count() == 1
    assert status.unused() == []


CHILD = """
import sys, time
import django
django.setup()
from tenants import provisioning
from tenants.provisioning import NewTenant
def stop(part):
    if part == sys.argv[1]:
        print("here", flush=True)
        time.sleep(60)
provisioning._hook = stop
provisioning.create(NewTenant("École", "neuve", "school", "a@neuve.example"))
"""


@pytest.mark.parametrize("part", ["replay", "commit"])
def test_killed_in_the_middle(own_database, part):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, part],
        env={
            **os.environ,
            "DATABASE_URL": own_database,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout.readline() == "here\n"
    row = Tenant.objects.get(slug="neuve")
    assert row.status == "provisioning"
    with pytest.raises(ProvisioningBusy):
        create(new())
    assert provisioning.sweep(timedelta(0)) == 0  # its process lives
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    end = time.monotonic() + 20
    while not locks.is_free(locks.tenant(row.pk)) and time.monotonic() < end:
        time.sleep(0.1)
    assert schema_exists(row.schema_name) is False
    if part == "replay":
        assert provisioning.sweep() == 0  # too young
        assert provisioning.sweep(timedelta(0)) == 1
        row.refresh_from_db()
        assert (row.status, row.job.state) == ("failed", "failed")
    info = create(new())
    assert (info.pk, info.status) == (row.pk, "active")
    assert status.verify() == []


def test_the_sweeper_spares_what_is_done(own_database):
    with public_write("test"):
        ProvisioningJob.objects.update(started_at=timezone.now() - timedelta(days=1))
    assert provisioning.sweep() == 0


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("MécaFormation Lyon", "mecaformation-lyon"),
        ("  L'École  des Œuvres & Cie !", "l-ecole-des-oeuvres-cie"),
        ("42", "x-space"),
        ("3D Formation", "d-formation"),
        ("Admin", "admin-hub"),
        ("日本", "x-space"),
        ("Lycée", "lycee-2"),
        ("a" * 60, "a" * 32),
    ],
)
def test_addresses_proposed(db, name, slug):
    assert slugs.propose(name) == slug
    assert slugs.check(slug) == slug
