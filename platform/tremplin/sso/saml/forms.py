"""Forms of the SAML pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from tremplin.api.context import TenantContext
from tremplin.sso.errors import SsoError
from tremplin.sso.forms import given_roles
from tremplin.sso.saml import metadata, services
from tremplin.sso.saml.presets import FIELDS, PRESETS

MAP_ROWS = 5
SPARE_ROWS = 3
FIELD_LABELS = {
    "uid": _("Identifier that never changes"),
    "email": _("E-mail"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
}


class MetadataForm(forms.Form):
    """Where the description of a provider comes from: a file or an address."""

    metadata_file = forms.FileField(
        label=_("Metadata file (XML)"), required=False, help_text=_("At most 1 MB.")
    )
    metadata_url = forms.CharField(
        label=_("or its address"),
        required=False,
        max_length=500,
        help_text=_(
            "Starts with https://. It is read again every day, so certificates stay right."
        ),
    )
    entity_id = forms.CharField(
        label=_("Entity ID of the provider"),
        required=False,
        max_length=200,
        help_text=_("Only when the metadata describes several providers, as that of a federation."),
    )

    def clean(self) -> dict[str, Any]:
        """Read the description. Errors stand at the field that holds it."""
        values: dict[str, Any] = super().clean() or {}
        file: UploadedFile | None = values.get("metadata_file")
        url = (values.get("metadata_url") or "").strip()
        wanted = values.get("entity_id") or ""
        if bool(file) == bool(url):
            if not self.errors:
                self.add_error("metadata_file", str(_("Choose a file or type an address.")))
            return values
        name = "metadata_file" if file else "metadata_url"
        try:
            if file:
                if (file.size or 0) > metadata.MAX_BYTES:
                    raise metadata.refusal("too_big")
                values["found"] = metadata.read(file.read(), wanted)
            else:
                values["found"] = metadata.fetch(url, wanted)
        except SsoError as error:
            at = "entity_id" if error.code in {"several", "unknown_entity"} else name
            self.add_error(at, error.message)
        return values


class NewConnectionForm(MetadataForm):
    """A new connection: its name, the kind of provider and the provider's description."""

    field_order = ("label", "preset", "metadata_file", "metadata_url", "entity_id")
    label = forms.CharField(
        label=_("Name on the button"),
        max_length=40,
        help_text=_("What your people call it, for example “University account”."),
    )
    preset = forms.ChoiceField(
        label=_("Kind of provider"),
        choices=[(preset.code, preset.label) for preset in PRESETS],
        help_text=_("Fills the names of the attributes; you can change them afterwards."),
    )


class ChoicesForm(forms.Form):
    """What a space decides about a connection."""

    label = forms.CharField(label=_("Name on the button"), max_length=40)
    role_attribute = forms.CharField(
        label=_("Attribute that gives the role"), required=False, max_length=200
    )
    default_role = forms.ChoiceField(
        label=_("Role of everybody else"),
        help_text=_("Given when no value of the table matches."),
    )
    creates_people = forms.BooleanField(
        label=_("Open an account at the first sign-in"), required=False
    )
    updates_profile = forms.BooleanField(label=_("Update the name at each sign-in"), required=False)
    updates_roles = forms.BooleanField(
        label=_("Follow the roles of the directory at each sign-in"),
        required=False,
        help_text=_(
            "Gives and takes back what the table says. Roles that someone gave here stay, and "
            "the owner and administrators are never changed."
        ),
    )
    signs_message = forms.BooleanField(label=_("Require a signed answer"), required=False)
    signs_assertion = forms.BooleanField(label=_("Require a signed assertion"), required=False)
    encrypts = forms.BooleanField(label=_("Require an encrypted assertion"), required=False)
    idp_initiated = forms.BooleanField(
        label=_("Take sign-ins that begin at the provider"),
        required=False,
        help_text=_("Less safe: a person can be brought into the account of somebody else."),
    )

    def __init__(self, *args: Any, ctx: TenantContext, connection: Any, **kwargs: Any) -> None:
        now = services.choices_of(connection)
        initial = {name: getattr(now, name) for name in self.base_fields}
        super().__init__(*args, **{**kwargs, "initial": initial})
        roles = given_roles(ctx, {now.default_role, *now.role_map.values()})
        self.fields["default_role"].choices = roles  # type: ignore[attr-defined]
        for name in FIELDS:
            self.fields[f"map_{name}"] = forms.CharField(
                label=FIELD_LABELS[name],
                required=False,
                max_length=2_000,
                initial="\n".join(now.mapping.get(name, [])),
                widget=forms.Textarea({"rows": 3}),
                help_text=_("One attribute name per line, best first."),
            )
        rows = list(now.role_map.items())
        self.map_rows = max(MAP_ROWS, len(rows) + SPARE_ROWS)
        for index in range(self.map_rows):
            value, role = rows[index] if index < len(rows) else ("", "")
            self.fields[f"value_{index}"] = forms.CharField(
                label=_("Value"),
                required=False,
                max_length=200,
                initial=value,
                widget=forms.TextInput({"class": "input min-w-32"}),
            )
            self.fields[f"role_{index}"] = forms.ChoiceField(
                label=_("Role"),
                required=False,
                choices=[("", "—"), *roles],
                initial=role,
                widget=forms.Select({"class": "select"}),
            )

    def pairs(self) -> list[tuple[Any, Any]]:
        """Return the fields of the role table, row by row."""
        return [(self[f"value_{index}"], self[f"role_{index}"]) for index in range(self.map_rows)]

    def mapping_fields(self) -> list[Any]:
        """Return the fields of the attribute mapping."""
        return [self[f"map_{name}"] for name in FIELDS]

    def clean(self) -> dict[str, Any]:
        """Gather the table of roles; half a row is an error."""
        values: dict[str, Any] = super().clean() or {}
        table: dict[str, str] = {}
        for index in range(self.map_rows):
            value = (values.get(f"value_{index}") or "").strip()
            role = values.get(f"role_{index}") or ""
            if value and role:
                table[value] = role
            elif value or role:
                at = f"role_{index}" if value else f"value_{index}"
                self.add_error(at, str(_("Fill both cells of the row, or none.")))
        values["role_map"] = table
        return values

    def choices(self) -> services.Choices:
        """Return what was chosen; call it on a valid form."""
        values = self.cleaned_data
        return services.Choices(
            label=values["label"],
            mapping={
                name: [line.strip() for line in values[f"map_{name}"].splitlines() if line.strip()]
                for name in FIELDS
            },
            role_attribute=values["role_attribute"],
            role_map=values["role_map"],
            default_role=values["default_role"],
            creates_people=values["creates_people"],
            updates_profile=values["updates_profile"],
            updates_roles=values["updates_roles"],
            signs_message=values["signs_message"],
            signs_assertion=values["signs_assertion"],
            encrypts=values["encrypts"],
            idp_initiated=values["idp_initiated"],
        )
