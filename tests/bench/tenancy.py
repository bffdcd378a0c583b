"""Measures tenancy side by side with stock django-tenants, on the reference applications.

The reference list (Wagtail, allauth, guardian, dj-stripe with its own migrations, two small
modules) is installed beside the product, in the folder of the measurements. The fleet is made by
our provisioning; both migrators then run on that same fleet, in the same call.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.bench.measure import Measure

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "bench.txt"
OVERLAY = ""
COLUMN = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shelf", "{after}")]
    operations = [migrations.AddField("item", "{name}", models.IntegerField(default=0))]
"""
TURNS = 3
STEPS = ("0001_initial", "0002_ours", "0003_stock")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this measure."""
    parser.add_argument("--tenants", type=int, default=200, help="spaces in the fleet")
    parser.add_argument("--creations", type=int, default=3, help="stock creations to time")
    parser.add_argument("--rounds", type=int, default=600, help="requests per case")


class Bench:
    """Children of one run: they share a folder, extra packages and two scratch databases."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.report = options.report
        self.folder = Path(options.data) / "bench"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.packages = self._install()
        self.url = os.environ["DATABASE_URL"]
        self.migrations = self.folder / "migrations"

    def _install(self) -> Path:
        """Install what is compared with beside the product, once per content of its lock file."""
        digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
        target = self.folder / f"packages-{digest}"
        if not (target / "wagtail").is_dir():
            self.report("Installing Wagtail and dj-stripe for the comparison.")
            command = [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--require-hashes"),
                *("--target", str(target), "-r", str(REQUIREMENTS)),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(
                    "The packages of the comparison could not be installed: "
                    f"{(done.stderr.strip().splitlines() or ['no message'])[-1]}"
                )
        return target

    def database(self, name: str) -> str:
        """Make an empty database and return its address."""
        with psycopg.connect(self.url, autocommit=True) as raw:
            raw.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
            raw.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"{self.url.rsplit('/', 1)[0]}/{name}"

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as raw:
            raw.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def step(self, last: int) -> str:
        """Offer the migrations of the module ``shelf`` up to number ``last``; return their name."""
        name = f"shelf_migrations_{last}"
        package = self.migrations / name
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        initial = ROOT / "tests/bench/overlay/shelf/migrations/0001_initial.py"
        (package / "0001_initial.py").write_text(initial.read_text("utf-8"), "utf-8")
        for number in range(1, last):
            text = COLUMN.format(after=STEPS[number - 1], name=STEPS[number][5:])
            (package / f"{STEPS[number]}.py").write_text(text, "utf-8")
        return name

    def call(self, settings: str, url: str, *arguments: str, step: int = 1) -> Any:
        """Run one action in a child and return what it printed."""
        path = [self.packages, self.migrations, ROOT / "platform", ROOT]
        if not settings.startswith("tests."):
            path = path[2:]
        child = subprocess.run(
            [sys.executable, "-m", "tests.bench.overlay.worker", *arguments],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": settings,
                "DATABASE_URL": url,
                "BENCH_FOLDER": str(self.folder / "media"),
                "BENCH_MIGRATIONS": self.step(step),
                "TREMPLIN_SETTINGS_OVERLAY": ""
                if settings.startswith("tests.")
                else "tests.bench.overlay.product",
                "PYTHONPATH": os.pathsep.join(str(entry) for entry in path),
            },
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if child.returncode:
            raise SystemExit(f"{settings} {arguments}: {child.stderr[-3000:]}")
        return json.loads(child.stdout.splitlines()[-1])


OURS, STOCK = "tests.bench.overlay.ours", "tests.bench.overlay.stock"
FLEET, PRODUCT = "tremplin_bench_fleet", "tremplin_bench_product"


def run(options: argparse.Namespace) -> Iterator[Measure]:
    """Yield the measures, each as soon as it is known."""
    bench = Bench(options)
    try:
        url = bench.database(FLEET)
        bench.report("Preparing the reference applications.")
        facts = bench.call(OURS, url, "prepare")
        yield Measure("tables of a space", facts["tables"], "tables")
        yield from _creation(bench, url, options)
        yield from _migration(bench, url, options)
        yield from _memory(bench, url)
        yield from _requests(bench, url, options)
    finally:
        bench.drop(FLEET)
        bench.drop(PRODUCT)


def _creation(bench: Bench, url: str, options: argparse.Namespace) -> Iterator[Measure]:
    bench.report(f"Creating {options.creations} spaces by stock django-tenants.")
    stock = bench.call(STOCK, url, "stock_create", "stock", str(options.creations))
    bench.report("Creating 4 at once by stock django-tenants.")
    stock_four = bench.call(STOCK, url, "stock_at_once", "stockfour", "4")
    bench.call(STOCK, url, "stock_drop")
    bench.report(f"Creating {options.tenants} spaces by ours.")
    ours = sorted(bench.call(OURS, url, "create", "fleet", str(options.tenants - 4)))
    four = bench.call(OURS, url, "create_at_once", "four", "4")
    base = statistics.median(stock)
    middle = statistics.median(ours)
    p95 = ours[min(len(ours) - 1, round(len(ours) * 0.95))]
    yield _faster("create one tenant, median", middle, base, 50)
    yield Measure(
        "create one tenant, p95", p95, "s", max(stock), max(stock) / p95, "<= 1 s", p95 <= 1
    )
    yield Measure(
        "create 4 at once, total",
        four["total"],
        "s",
        stock_four["total"],
        stock_four["total"] / four["total"],
    )
    yield Measure("create 4 at once, stock failures", stock_four["failed"], "creations")


def _faster(name: str, ours: float, stock: float, times: int) -> Measure:
    ratio = stock / ours
    return Measure(name, ours, "s", stock, ratio, f">= {times} times faster", ratio >= times)


def _migration(bench: Bench, url: str, options: argparse.Namespace) -> Iterator[Measure]:
    count = options.tenants
    bench.report(f"Migrating {count} spaces with nothing to do, stock then ours.")
    stock = bench.call(STOCK, url, "stock_migrate")
    ours = bench.call(OURS, url, "migrate")
    _expect(ours, migrated=0, unchanged=count)
    yield _faster(f"no-op over {count} spaces", ours["seconds"], stock["seconds"], 50)
    bench.report(f"Adding one column to {count} spaces, ours then stock.")
    ours = bench.call(OURS, url, "migrate", step=2)
    _expect(ours, migrated=count, unchanged=0)
    stock = bench.call(STOCK, url, "stock_migrate", step=3)
    yield _faster(f"one column over {count} spaces", ours["seconds"], stock["seconds"], 5)


def _expect(found: dict[str, float], **wanted: float) -> None:
    if {name: found[name] for name in wanted} != wanted:
        raise SystemExit(f"the migrator did {found} instead of {wanted}")


def _memory(bench: Bench, url: str) -> Iterator[Measure]:
    bench.report("Visiting every schema on one connection.")
    bounded = bench.call(OURS, url, "memory", "60", step=2)
    free = bench.call(OURS, url, "memory", "1000000", step=2)
    for count in sorted({10, 50, 100, 150, len(free)}):
        if count > len(free):
            continue
        ours = max(size for number, size in bounded if number <= count)
        stock = max(size for number, size in free if number <= count)
        yield Measure(
            f"memory per connection after {count} schemas", ours, "MB", stock, stock / ours
        )


def _alternating(
    bench: Bench, url: str, arguments: tuple[str, ...]
) -> tuple[dict[str, float], ...]:
    """Ask the three sides in turns; keep the best median of each, as load only ever adds."""
    sides = (
        "tests.bench.overlay.plain",
        "tests.bench.overlay.stock_requests",
        "tremplin.config.settings",
    )
    best: list[dict[str, float]] = [{}, {}, {}]
    for _ in range(TURNS):
        for number, settings in enumerate(sides):
            found = bench.call(settings, url, *arguments)
            for name, value in found.items():
                pick = min if name.isdigit() else max  # milliseconds, else counts of statements
                best[number][name] = pick(value, best[number].get(name, value))
    return tuple(best)


def _requests(bench: Bench, url: str, options: argparse.Namespace) -> Iterator[Measure]:
    bench.report("Serving requests: plain Django, stock django-tenants, the product.")
    product = bench.database(PRODUCT)
    slugs = [f"space{number}" for number in range(8)]
    hosts = bench.call("tremplin.config.settings", product, "product", ",".join(slugs))
    with psycopg.connect(product, autocommit=True) as raw:
        raw.execute("CREATE TABLE IF NOT EXISTS public.auth_group (id int)")
    arguments = ("requests", ",".join(hosts), "0,1,5", str(options.rounds))
    plain, stock, ours = _alternating(bench, product, arguments)
    for number in ("0", "1", "5"):
        over, base = ours[number] - plain[number], stock[number] - plain[number]
        yield Measure(
            f"request overhead over plain Django, {number} queries",
            over,
            "ms",
            base,
            base / over if over > 0 else None,
            "<= 0.5 ms",
            over <= 0.5,
        )
        yield Measure(f"plain Django view, {number} queries", plain[number], "ms")
    for number in ("0", "1", "5"):
        asked, sets = ours[f"registry {number}"], ours[f"sets {number}"]
        yield Measure(
            f"registry queries when warm, {number} queries",
            asked,
            "queries",
            stock[f"registry {number}"],
            None,
            "0",
            asked == 0,
        )
        yield Measure(
            f"SET statements when warm, {number} queries",
            sets,
            "statements",
            stock[f"sets {number}"],
            None,
            "<= 1",
            sets <= 1,
        )
