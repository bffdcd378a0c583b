"""Create, list, show, suspend, resume, delete, export and restore spaces."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from tenants import archive, lifecycle, provisioning, registry, slugs
from tenants.errors import status_label
from tenants.management.base import TenancyCommand, find
from tenants.models import Tenant
from tenants.registry import TenantInfo


class Command(TenancyCommand):
    help = "Create, list, show, suspend, resume, delete, export and restore spaces."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="create a space")
        create.add_argument("name")
        create.add_argument("--slug", default="", help="address (default: from the name)")
        create.add_argument("--kind", default="school", choices=Tenant.Kind.values)
        create.add_argument("--email", required=True, help="billing mailbox")
        create.add_argument("--owner", default="", help="mailbox of the first administrator")
        create.add_argument("--locale", default="fr", choices=["fr", "en"])
        create.add_argument("--timezone", default="Europe/Paris")
        create.add_argument("--host", default=None)
        create.add_argument("--reseller", default="", help="address of the reseller")
        listed = actions.add_parser("list", help="list the spaces")
        listed.add_argument("--json", action="store_true")
        show = actions.add_parser("show", help="show one space")
        show.add_argument("space", help="address, host or uuid")
        show.add_argument("--json", action="store_true")
        suspend = actions.add_parser("suspend", help="close a space to its people")
        suspend.add_argument("space")
        suspend.add_argument("--reason", required=True)
        resume = actions.add_parser("resume", help="serve a suspended space again")
        resume.add_argument("space")
        delete = actions.add_parser("delete", help="hide a space now, erase it after the grace")
        delete.add_argument("space")
        delete.add_argument("--days", type=int, default=lifecycle.GRACE.days, help="grace in days")
        delete.add_argument("--erase", action="store_true", help="erase it once the grace ended")
        delete.add_argument("--cancel", action="store_true", help="bring it back")
        delete.add_argument("--archive", type=Path, help="last archive, named in the proof")
        export = actions.add_parser("export", help="write the archive of a space")
        export.add_argument("space")
        export.add_argument("file", type=Path)
        restore = actions.add_parser("restore", help="read an archive back")
        restore.add_argument("file", type=Path)
        restore.add_argument("--as", dest="as_slug", default="", help="address of a copy beside")
        restore.add_argument("--host", default="", help="host of the copy")
        restore.add_argument("--replace", action="store_true", help="switch the existing space")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _create(self, options: dict[str, Any]) -> None:
        reseller = find(options["reseller"]).pk if options["reseller"] else None
        owner = {"email": options["owner"], "password_hash": None} if options["owner"] else None
        info = provisioning.create(
            provisioning.NewTenant(
                name=options["name"],
                slug=options["slug"] or slugs.propose(options["name"]),
                kind=options["kind"],
                email=options["email"],
                locale=options["locale"],
                timezone=options["timezone"],
                host=options["host"],
                reseller_pk=reseller,
                options={"owner": owner} if owner else {},
            )
        )
        self.say(
            _("The space “%(name)s” is ready at %(url)s")
            % {"name": info.name, "url": registry.absolute_url(info, "/")}
        )

    def _list(self, options: dict[str, Any]) -> None:
        tenants = registry.all_tenants()
        if options["json"]:
            self.say(json.dumps([_facts(info) for info in tenants], ensure_ascii=False))
            return
        for info in tenants:
            self.say(
                f"{info.slug:32} {info.kind:9} {status_label(info.status):20} {info.primary_host}"
            )
        self.say(_("%(count)d spaces") % {"count": len(tenants)})

    def _show(self, options: dict[str, Any]) -> None:
        facts = _facts(find(options["space"]))
        if options["json"]:
            self.say(json.dumps(facts, ensure_ascii=False))
            return
        for name, value in facts.items():
            text = ", ".join(value) if isinstance(value, list) else value
            self.say(f"{name:14} {text}")

    def _suspend(self, options: dict[str, Any]) -> None:
        info = lifecycle.suspend(find(options["space"]), options["reason"])
        self.say(_("The space “%(slug)s” is suspended.") % {"slug": info.slug})

    def _resume(self, options: dict[str, Any]) -> None:
        info = lifecycle.resume(find(options["space"]))
        self.say(_("The space “%(slug)s” is served again.") % {"slug": info.slug})

    def _delete(self, options: dict[str, Any]) -> None:
        info = find(options["space"])
        if options["cancel"]:
            lifecycle.cancel_deletion(info)
            self.say(_("The space “%(slug)s” is served again.") % {"slug": info.slug})
        elif options["erase"]:
            proof = lifecycle.purge(info, archive=options["archive"])
            self.say(
                _("Erased: %(rows)d rows and %(files)d files. Proof %(proof)s.")
                % {"rows": proof.rows, "files": proof.files, "proof": proof.id}
            )
        elif options["days"] < 0:
            raise CommandError(_("The grace is a number of days, 0 or more."))
        else:
            when = lifecycle.schedule_deletion(info, grace=timedelta(days=options["days"]))
            self.say(
                _("The space “%(slug)s” is hidden; it may be erased from %(date)s on.")
                % {"slug": info.slug, "date": when.date().isoformat()}
            )

    def _export(self, options: dict[str, Any]) -> None:
        info = find(options["space"])
        path: Path = options["file"]
        if not path.parent.is_dir():
            raise CommandError(_("There is no folder %(folder)s.") % {"folder": path.parent})
        manifest = archive.export(info, path, self.report)
        self.say(
            _("The archive %(file)s holds %(tables)d tables.")
            % {"file": path, "tables": len(manifest["tables"])}
        )

    def _restore(self, options: dict[str, Any]) -> None:
        done = archive.restore(
            options["file"],
            as_slug=options["as_slug"],
            host=options["host"],
            replace=options["replace"],
            report=self.report,
        )
        self.say(
            _("The space “%(slug)s” holds %(rows)d rows and %(files)d files.")
            % {"slug": done.tenant.slug, "rows": done.rows, "files": done.files}
        )
        if done.former_schema:
            self.say(
                _("Its former schema is kept: “manage.py schemas drop %(schema)s” once sure.")
                % {"schema": done.former_schema}
            )
        if options["as_slug"]:
            self.say(_("The copy is suspended: “manage.py tenant resume” confirms it."))


def _facts(info: TenantInfo) -> dict[str, Any]:
    return {
        "uuid": str(info.uuid),
        "slug": info.slug,
        "name": info.name,
        "kind": info.kind,
        "status": info.status,
        "host": info.primary_host,
        "hosts": list(info.hosts),
        "locale": info.locale,
        "timezone": info.timezone,
        "schema": info.schema_name,
        "ready": str(info.ready).lower(),
    }
