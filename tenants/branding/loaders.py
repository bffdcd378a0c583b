"""Template loader: the theme of the current tenant first, then the applications.

One compiled copy is kept per theme, not per tenant, so memory does not grow with the fleet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.template import Origin, Template
from django.template.engine import Engine
from django.template.loaders.base import Loader as BaseLoader
from django.template.loaders.cached import Loader as CachedLoader
from django.utils._os import safe_join
from django_cotton.cotton_loader import Loader as CottonLoader

from tenants.branding import themes
from tremplin.kernel.current import current_tenant


def current_theme() -> str:
    """Return the theme of the current tenant, ``base`` outside any."""
    tenant = current_tenant.get()
    return themes.BASE if tenant is None else tenant.theme or themes.BASE


class ThemeChainLoader(CachedLoader):
    """Looks in the theme chain (child first), then in the applications; compiles components."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, ["django_cotton.cotton_loader.Loader"])
        self.components: CottonLoader = self.loaders[0]

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        if settings.DEBUG:
            return BaseLoader.get_template(self, template_name, skip)
        return super().get_template(template_name, skip)

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        for theme in themes.chain(current_theme()):
            try:
                name = safe_join(theme.templates, template_name)
            except SuspiciousFileOperation:
                continue
            yield Origin(name=name, template_name=template_name, loader=self.components)
        yield from self.components.get_template_sources(template_name)

    def cache_key(self, template_name: str, skip: Any = None) -> str:
        return f"{current_theme()}|{super().cache_key(template_name, skip)}"
