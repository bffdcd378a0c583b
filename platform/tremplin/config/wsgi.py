"""WSGI entry point, served in threads by ``tremplin.config.asgi``."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tremplin.config.settings")
application = get_wsgi_application()
