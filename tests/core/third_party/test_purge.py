"""Export and purge of one module in one space; the other space is not touched."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tremplin.api import hookspecs, services
from tremplin.kernel import gate, reminders
from tremplin.kernel.dispatch import dispatcher
from tremplin.kernel.settings_store import write
from tremplin.kernel.state.models import Reminder, SettingValue
from tremplin.modules import archive, purge
from tremplin.modules.holdings import Module, ModuleError, summary
from tremplin.testing.contract.world import person, switch_on

SLUG = "quiz"
DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def run(*words: str) -> str:
    out = StringIO()
    call_command("plugin", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def held(tenant_a: Any, tenant_b: Any, inside: Any, freeze: Callable[[Any], Any]) -> dict[str, Any]:
    """Two spaces with rows, a file, a setting, a right on one object, a message, a reminder."""
    from django.contrib.auth.models import Permission
    from guardian.shortcuts import assign_perm

    from plugins.quiz.models import Quiz
    from plugins.quiz.tasks import __name__ as quiz_tasks
    from tremplin.kernel.state.models import Reminder as Row
    from tremplin.notifications.models import Notification

    freeze(DAY)
    found = {}
    for tenant in (tenant_a, tenant_b):
        with inside(tenant):
            switch_on(tenant, SLUG)
            who = [person("learner"), person("learner"), person("trainer")]
            ctx = services.contexts().current()
            dispatcher.call_one(hookspecs.seed_demo, SLUG, ctx=ctx, seed=7)
            services.files().save(
                "note.txt", b"hello", mime="text/plain", owner=who[0].pk, purpose="quiz.media"
            )
            services.files().save(
                "other.txt", b"stays", mime="text/plain", owner=None, purpose="quizzical"
            )
            write("tenant", tenant, SLUG, {"default_minutes": 12})
            assign_perm("quiz.view_quiz", who[2], Quiz.objects.first())
            right = Permission.objects.get(content_type__app_label=SLUG, codename="author")
            who[0].user_permissions.add(right)
            Notification.objects.create(
                person=who[0], key="quiz.assigned", title="t", body="b", created_at=DAY
            )
            with services.tenancy().public_write("test"):
                Row.objects.create(
                    tenant_id=tenant.pk, key="quiz.x", due_at=DAY, task=f"{quiz_tasks}.x"
                )
        found[tenant.slug] = summary(tenant, Module(SLUG))
    return found


def test_a_purge_leaves_nothing_here_and_everything_there(
    tenant_a: Any, tenant_b: Any, inside: Any, held: dict[str, Any], tmp_path: Path
) -> None:
    from tremplin.files.models import StoredFileRecord

    before = held[tenant_a.slug]
    counts = (before.files, before.file_bytes, before.grants, before.settings, before.reminders)
    assert counts == (1, 5, 2, 1, 1)
    assert (before.notifications, before.state, before.rows > 10) == (1, 1, True)
    purged = purge.run(tenant_a, SLUG, now=True, to=tmp_path / "a.zip")
    assert purged.erased == before
    assert summary(tenant_a, Module(SLUG)).empty
    assert summary(tenant_b, Module(SLUG)) == held[tenant_b.slug]
    assert (gate.mode(tenant_a, SLUG), gate.mode(tenant_b, SLUG)) == ("off", "on")
    with inside(tenant_a):
        assert list(StoredFileRecord.objects.values_list("purpose", flat=True)) == ["quizzical"]
        from tremplin.kernel.models import AuditEvent

        last = AuditEvent.objects.order_by("-id").first()
        assert (last.kind, last.target) == ("module.purged", "module:quiz")
        assert last.data == {"rows": before.rows, "files": 1, "version": "1.0.0"}
    assert archive.verify(purged.archive)["tables"] == before.tables


def test_a_module_can_be_used_again_after_its_purge(
    tenant_a: Any, inside: Any, client_for: Any, held: dict[str, Any], tmp_path: Path
) -> None:
    purge.run(tenant_a, SLUG, now=True, to=tmp_path / "a.zip")
    with inside(tenant_a):
        switch_on(tenant_a, SLUG)
        assert gate.states(tenant_a)[SLUG].first_activated_at == DAY
        learner = person("learner")
    assert client_for(tenant_a, learner).get("/app/quiz/").status_code == 200
    assert summary(tenant_a, Module(SLUG)).rows == 0


def test_the_archive_holds_every_row_and_file_and_no_secret(
    tenant_a: Any, inside: Any, held: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "quiz.zip"
    said = run("export", SLUG, "--tenant", tenant_a.slug, "--to", str(path))
    before = held[tenant_a.slug]
    assert said == f"{before.rows} rows and 1 files of {tenant_a.slug} in {path}.\n"
    manifest = archive.verify(path)
    assert (manifest["module"], manifest["tenant"]["uuid"]) == (
        {"slug": "quiz", "version": "1.0.0"},
        str(tenant_a.uuid),
    )
    with zipfile.ZipFile(path) as opened:
        lines = opened.read("tables/quiz_quiz.jsonl").decode().splitlines()
        assert len(lines) == before.tables["quiz_quiz"]
        with inside(tenant_a):
            from plugins.quiz.models import Quiz

            titles = set(Quiz.objects.values_list("title", flat=True))
        assert {json.loads(line)["title"] for line in lines} == titles
        assert json.loads(opened.read("settings.json")) == {"default_minutes": 12}
        assert len(json.loads(opened.read("grants.json"))) == 2
        (file,) = manifest["files"]
        assert opened.read(file["member"]) == b"hello"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="an archive is never overwritten"):
        run("export", SLUG, "--tenant", tenant_a.slug, "--to", str(path))
    assert summary(tenant_a, Module(SLUG)) == before


def test_a_changed_archive_is_noticed(tenant_a: Any, held: Any, tmp_path: Path) -> None:
    path, forged = tmp_path / "a.zip", tmp_path / "b.zip"
    archive.export(tenant_a, Module(SLUG), path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(forged, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, b"{}" if name == "settings.json" else data)
    with pytest.raises(ModuleError, match=r"settings\.json was changed after the export"):
        archive.verify(forged)
    with zipfile.ZipFile(forged, "a") as target:
        target.writestr("more.txt", "x")
    with pytest.raises(ModuleError, match="does not hold the files that it lists"):
        archive.verify(forged)


def test_a_dry_run_and_a_missing_word_change_nothing(tenant_a: Any, held: dict[str, Any]) -> None:
    said = run("purge", SLUG, "--tenant", tenant_a.slug, "--now", "--dry-run")
    assert said.endswith("Nothing was changed.\n")
    assert f"{held[tenant_a.slug].rows} rows, 1 files, 2 grants, 1 settings" in said
    for words in ((), ("--confirm", "yes")):
        with pytest.raises(CommandError, match="Nothing was changed: confirm with --confirm quiz"):
            run("purge", SLUG, "--tenant", tenant_a.slug, "--now", *words)
    assert summary(tenant_a, Module(SLUG)) == held[tenant_a.slug]
    assert gate.mode(tenant_a, SLUG) == "on"


def test_thirty_days_of_reading_come_before_the_purge(
    tenant_a: Any, tenant_b: Any, held: Any, freeze: Callable[[Any], Any], inside: Any
) -> None:
    words = ("purge", SLUG, "--tenant", tenant_a.slug, "--confirm", SLUG)
    assert "read-only until 2026-04-01, then the data goes." in run(*words)
    assert (gate.mode(tenant_a, SLUG), gate.mode(tenant_b, SLUG)) == ("read_only", "on")
    freeze(DAY + timedelta(days=29, hours=23))
    with pytest.raises(CommandError, match="The data stays until 2026-04-01 09:00 UTC"):
        run(*words)
    assert purge.run_if_due(tenant_a, SLUG) is None
    assert gate.mode(tenant_a, SLUG) == "read_only"
    freeze(DAY + timedelta(days=30))
    assert gate.mode(tenant_a, SLUG) == "off"
    from tremplin.modules.tasks import purge_due

    with inside(tenant_a):
        purge_due.run(slug=SLUG)
    assert summary(tenant_a, Module(SLUG)).empty
    assert summary(tenant_b, Module(SLUG)) == held[tenant_b.slug]


def test_the_announced_purge_is_a_reminder_that_enabling_cancels(
    tenant_a: Any, held: Any, inside: Any
) -> None:
    run("purge", SLUG, "--tenant", tenant_a.slug, "--confirm", SLUG)
    due = Reminder.objects.get(tenant_id=tenant_a.pk, key="modules.purge.quiz")
    assert (due.due_at, due.args) == (DAY + timedelta(days=30), {"slug": SLUG})
    said = run("enable", SLUG, "--tenant", tenant_a.slug)
    assert said == f"The announced purge is cancelled.\nquiz is on in {tenant_a.slug}.\n"
    assert not Reminder.objects.filter(tenant_id=tenant_a.pk, key="modules.purge.quiz").exists()
    with inside(tenant_a):
        assert reminders.forget("modules.purge.quiz") is False


def test_enable_and_disable_say_what_is_missing(
    tenant_a: Any, tenant_b: Any, held: Any, inside: Any
) -> None:
    assert run("disable", SLUG, "--tenant", tenant_a.slug) == (
        f"quiz is off in {tenant_a.slug}; its data stays.\n"
    )
    assert gate.mode(tenant_b, SLUG) == "on"
    assert summary(tenant_a, Module(SLUG)).rows == held[tenant_a.slug].rows
    gate.set_licence(tenant_a, SLUG, "off", reason="test")
    with pytest.raises(CommandError, match="not part of your plan"):
        run("enable", SLUG, "--tenant", tenant_a.slug)
    assert run("enable", SLUG, "--tenant", tenant_a.slug, "--grant") == (
        f"quiz is on in {tenant_a.slug}.\n"
    )
    for words, reason in (
        (("enable", "nothing", "--tenant", tenant_a.slug), "no such module"),
        (("disable", "nothing", "--tenant", tenant_a.slug), "There is no module “nothing”"),
        (("purge", "nothing", "--tenant", tenant_a.slug), "There is no module “nothing”"),
        (("export", SLUG, "--tenant", "nowhere"), "nowhere"),
    ):
        with pytest.raises(CommandError, match=reason):
            run(*words)


def test_settings_of_other_levels_and_spaces_stay(tenant_a: Any, held: Any, tmp_path: Path) -> None:
    write("platform", None, SLUG, {"facility_low": 20})
    purge.run(tenant_a, SLUG, now=True, to=tmp_path / "a.zip")
    left = SettingValue.objects.filter(module=SLUG).values_list("level", "key")
    assert sorted(left) == [("platform", "facility_low"), ("tenant", "default_minutes")]
