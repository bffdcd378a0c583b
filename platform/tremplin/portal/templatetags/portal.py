"""Every tag and filter of the portal in one library, a template builtin of the project.

Templates need no ``{% load %}`` for ``icon``, ``area_chart``, ``bar_chart``, ``donut``, ``number``,
``percent``, ``ratio``, ``signed``, ``money``, ``duration``, ``clock``, ``file_size``, ``initials``,
``get_item``, ``french_spaces``, ``app_css``, ``page_window`` and ``querystring_for``.
"""

from __future__ import annotations

from django import template

from tremplin.portal.templatetags import charts, fmt, icons, shell

register = template.Library()

for _library in (icons, charts, fmt, shell):
    register.tags.update(_library.register.tags)
    register.filters.update(_library.register.filters)
