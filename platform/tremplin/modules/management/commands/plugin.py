"""``manage.py plugin``: see, check, sign, switch, export and purge the modules of this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import ProgrammingError
from psycopg.errors import UndefinedTable

from tenants.management.base import TenancyCommand, find
from tremplin.api import Problem
from tremplin.kernel import gate, registry, trust
from tremplin.modules import archive, checking, condition, purge
from tremplin.modules.holdings import Module, ModuleError, Summary, summary

NEW_KEY = "Add this to {trust} on every installation that trusts you:"


class Command(TenancyCommand):
    """Modules that are off are shown, never an error: they do not stop the platform."""

    help = "List, check, sign, lock, switch, export and purge the modules of this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="slug, version, status, and why a module is off")
        self._one(actions, "status", "state in each space, and what fails", optional=True)
        check = actions.add_parser("check", help="contract suite, tests, linter, signature")
        check.add_argument("path", type=Path, help="folder of the module, or its wheel")
        check.add_argument(
            "--report", type=Path, metavar="XML", help="keep the report for listing_report"
        )
        dev = actions.add_parser("dev", help="serve the platform with a module under development")
        dev.add_argument("path", type=Path)
        for name, text in (
            ("enable", "switch a module on for a space"),
            ("disable", "switch a module off for a space; its data stays"),
        ):
            command = self._one(actions, name, text)
            command.add_argument("--tenant", required=True, metavar="SPACE")
        actions.choices["enable"].add_argument(
            "--grant", action="store_true", help="give the licence too, without a price or an end"
        )
        export = self._one(actions, "export", "write the data of a module of a space to an archive")
        export.add_argument("--tenant", required=True, metavar="SPACE")
        export.add_argument("--to", type=Path, help="file to write (default: the data folder)")
        erase = self._one(actions, "purge", "export, then erase the data of a module")
        erase.add_argument("--tenant", metavar="SPACE", help="only this space (default: all)")
        erase.add_argument("--confirm", metavar="SLUG", help="the slug again, to erase for real")
        erase.add_argument(
            "--dry-run", action="store_true", help="say what would go, change nothing"
        )
        erase.add_argument("--now", action="store_true", help="without the 30 days of reading")
        key = actions.add_parser("key", help="make a key that signs your modules")
        key.add_argument("path", type=Path)
        key.add_argument("--publisher", required=True)
        sign = actions.add_parser("sign", help="sign the wheel of a module")
        sign.add_argument("wheel", type=Path)
        sign.add_argument("--key", required=True, type=Path)
        lock = actions.add_parser(
            "lock", help="let a signed wheel run here: add it to plugins.lock"
        )
        lock.add_argument("wheel", type=Path)
        verify = actions.add_parser("verify", help="compare wheels, lock and installed modules")
        verify.add_argument("wheel", type=Path, nargs="?")

    @staticmethod
    def _one(actions: Any, name: str, text: str, *, optional: bool = False) -> CommandParser:
        command: CommandParser = actions.add_parser(name, help=text)
        command.add_argument("slug", **({"nargs": "?", "default": ""} if optional else {}))
        return command

    def handle(self, *args: Any, **options: Any) -> None:
        action: Callable[[dict[str, Any]], None] = getattr(self, f"_{options['action']}")
        try:
            action(options)
        except (ModuleError, checking.CheckError, trust.TrustError) as error:
            raise CommandError(str(error)) from error
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        except ProgrammingError as error:
            if not isinstance(error.__cause__, UndefinedTable):
                raise
            raise CommandError(
                "The database has no tables yet: python3 manage.py migrate makes them."
            ) from error

    # --- seeing -----------------------------------------------------------------------------

    def _list(self, options: dict[str, Any]) -> None:
        entries = condition.of_all(live=False)
        if not entries:
            self.say("No module is installed.")
            return
        width = max(len(entry.slug) for entry in entries)
        for entry in entries:
            line = f"{entry.slug:<{width}}  {entry.version or '-':<8}  {entry.status:<12}"
            self.say(f"{line}  {entry.reason}".rstrip())

    def _status(self, options: dict[str, Any]) -> None:
        chosen = options["slug"]
        entries = [row for row in condition.of_all(live=False) if chosen in ("", row.slug)]
        if chosen and not entries:
            raise CommandError(f"There is no module “{chosen}”: see manage.py plugin list.")
        for entry in entries:
            self.say(f"{entry.slug} {entry.version or '-'}: {entry.status}")
            for text in filter(None, (entry.reason, entry.origin)):
                self.say(f"  {text}")
            for use in entry.spaces:
                until = f", purged on {use.purge_at:%Y-%m-%d}" if use.purge_at else ""
                self.say(f"  {use.slug}: {use.mode}{until}")
            for trouble in entry.troubles:
                self.say(
                    f"  {trouble.space}: {trouble.hook} failed {trouble.failures} times"
                    f" ({trouble.error}) in {trouble.process}"
                )

    # --- checking ---------------------------------------------------------------------------

    def _check(self, options: dict[str, Any]) -> None:
        keys = settings.PLUGIN_TRUST.keys
        outcomes = checking.check(options["path"], keys, self.report, junit=options["report"])
        words = {True: "ok", False: "FAILED", None: "-"}
        for outcome in outcomes:
            self.say(f"{words[outcome.ok]:<7} {outcome.name}: {outcome.detail}")
        failed = [outcome.name for outcome in outcomes if outcome.ok is False]
        if failed:
            raise CommandError(f"The module does not keep the contract: {', '.join(failed)}.")
        self.say("The module keeps the contract.")

    def _dev(self, options: dict[str, Any]) -> None:
        raise CommandError("Start it with manage.py: python3 manage.py plugin dev <folder>.")

    # --- switching --------------------------------------------------------------------------

    def _enable(self, options: dict[str, Any]) -> None:
        tenant, slug = find(options["tenant"]), options["slug"]
        if purge.cancel(tenant, slug):
            self.say("The announced purge is cancelled.")
        if options["grant"]:
            from tremplin.licensing.models import License
            from tremplin.licensing.services import grant_module

            Module(slug)
            gate.set_licence(tenant, slug, "on", reason="given by the operator")
            grant_module(tenant, slug, source=License.Source.MANUAL)
        gate.activate(tenant, slug)
        self.say(f"{slug} is {gate.mode(tenant, slug)} in {tenant.slug}.")

    def _disable(self, options: dict[str, Any]) -> None:
        tenant, slug = find(options["tenant"]), options["slug"]
        if registry.get(slug) is None:
            raise CommandError(f"There is no module “{slug}”: see manage.py plugin list.")
        gate.deactivate(tenant, slug)
        self.say(f"{slug} is {gate.mode(tenant, slug)} in {tenant.slug}; its data stays.")

    # --- exporting and purging --------------------------------------------------------------

    def _export(self, options: dict[str, Any]) -> None:
        tenant, module = find(options["tenant"]), Module(options["slug"])
        path = options["to"] or archive.default_path(tenant, module.slug)
        manifest = archive.export(tenant, module, path)
        rows = sum(manifest["tables"].values())
        self.say(f"{rows} rows and {len(manifest['files'])} files of {tenant.slug} in {path}.")

    def _purge(self, options: dict[str, Any]) -> None:
        module = Module(options["slug"])
        spaces = [find(options["tenant"])] if options["tenant"] else purge.holders()
        held = {space: summary(space, module) for space in spaces}
        for space, found in held.items():
            if not found.empty:
                self.say(f"{space.slug}: {_words(found)}")
        if not options["tenant"]:
            self.say(
                f"Everywhere: {len(module.tables)} tables, the rights and roles of the module."
            )
        if options["dry_run"]:
            self.say("Nothing was changed.")
            return
        self._confirm(module.slug, options["confirm"])
        if not options["now"] and self._announce(module.slug, held):
            return
        if not options["tenant"]:
            done = purge.run_everywhere(module.slug, now=options["now"], report=self.report)
            self.say(f"{module.slug} is purged from {len(done)} spaces; its code can be removed.")
            return
        purged = purge.run(spaces[0], module.slug, now=options["now"])
        self.say(f"Archive: {purged.archive}")
        self.say(f"{module.slug} is purged from {spaces[0].slug}: {purged.erased.rows} rows.")

    def _announce(self, slug: str, held: dict[Any, Summary]) -> bool:
        """Start the 30 days where they have not begun; return whether there was one to start."""
        waiting = [
            space
            for space, found in held.items()
            if not found.empty and gate.states(space)[slug].purge_at is None
        ]
        for space in waiting:
            day = purge.announce(space, slug)
            self.say(f"{space.slug}: read-only until {day:%Y-%m-%d}, then the data goes.")
        if waiting:
            self.say("plugin enable cancels it; --now does not wait.")
        return bool(waiting)

    def _confirm(self, slug: str, given: str | None) -> None:
        if given is None and sys.stdin.isatty():
            given = input(f"Type {slug} to erase this data: ").strip()
        if given != slug:
            raise CommandError(f"Nothing was changed: confirm with --confirm {slug}.")

    # --- signing ----------------------------------------------------------------------------

    def _key(self, options: dict[str, Any]) -> None:
        public = trust.new_key(options["path"]).public_key()
        self.say(NEW_KEY.format(trust=settings.PLUGIN_TRUST.keys.name))
        self.say(f'[[key]]\npublisher = "{options["publisher"]}"')
        self.say(f'public = "{trust.public_text(public)}"')

    def _sign(self, options: dict[str, Any]) -> None:
        wheel = options["wheel"]
        locked = trust.sign(trust.describe(wheel), trust.private_key(options["key"]))
        path = trust.write_sidecar(wheel, locked)
        self.say(f"{locked.name} {locked.version} is signed by {locked.key}: {path.name}")

    def _lock(self, options: dict[str, Any]) -> None:
        policy = settings.PLUGIN_TRUST
        locked = trust.verify_wheel(options["wheel"], trust.read_keys(policy.keys))
        lock = trust.read_lock(policy.lock)
        lock[locked.name] = locked
        trust.write_lock(policy.lock, lock)
        self.say(f"{locked.name} {locked.version} may run here: install the wheel and restart.")

    def _verify(self, options: dict[str, Any]) -> None:
        policy = settings.PLUGIN_TRUST
        keys = trust.read_keys(policy.keys)
        if options["wheel"]:
            locked = trust.verify_wheel(options["wheel"], keys)
            self.say(f"{locked.name} {locked.version} is signed by {keys[locked.key].publisher}.")
            return
        wrong = 0
        for name, problem in condition.locked(policy.lock, keys).items():
            wrong += bool(problem)
            self.say(f"{name}: {problem or 'as it was signed'}")
        if wrong:
            raise CommandError(f"{wrong} modules differ from plugins.lock.")


def _words(found: Summary) -> str:
    return (
        f"{found.rows} rows, {found.files} files, {found.grants} grants, {found.settings} settings,"
        f" {found.reminders} reminders, {found.notifications} notifications"
    )
