"""Whether the schemas are those that the code expects, for the readiness answer."""

from __future__ import annotations

from tenants import fingerprint
from tenants.models import TEMPLATE_SCHEMA, SchemaState
from tremplin.kernel.health import CheckResult


def check_schemas() -> CheckResult:
    """Fail when the template is unknown to this code; warn of spaces left behind."""
    states = {
        state.schema_name: state
        for state in SchemaState.objects.only("schema_name", "fingerprint", "status")
    }
    template = states.pop(TEMPLATE_SCHEMA, None)
    if template is None:
        return CheckResult("failed", "the database is not prepared")
    behind = sum(
        state.fingerprint != template.fingerprint or state.status == SchemaState.Status.FAILED
        for state in states.values()
    )
    if template.fingerprint != fingerprint.of_code():
        return CheckResult("warning", "the code is ahead of the schemas: run migrate")
    if behind:
        return CheckResult("warning", f"{behind} schemas are behind the template")
    return CheckResult("ok", f"{len(states)} schemas")
