"""The single HTTP API: core routers and the routers of every plugin, frozen at start-up."""

from __future__ import annotations

from ninja import NinjaAPI

from tremplin.identity.api import router as identity_router
from tremplin.kernel.problems import install_problem_handlers
from tremplin.kernel.routing import plugin_routers, session_auth

api = NinjaAPI(
    title="Tremplin",
    version="1.0.0",
    urls_namespace="api",
    auth=[session_auth],
    docs_url=None,
)
install_problem_handlers(api)
api.add_router("", identity_router)
for mounted in plugin_routers():
    api.add_router(mounted.path, mounted.router, auth=mounted.auth)
