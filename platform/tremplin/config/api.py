"""The single HTTP API: core routers and the routers of every plugin, frozen at start-up."""

from __future__ import annotations

from ninja import NinjaAPI

from tremplin.billing.api import router as billing_router
from tremplin.identity.api import router as identity_router
from tremplin.kernel import api_schema
from tremplin.kernel.api_auth import authenticators
from tremplin.kernel.problems import install_problem_handlers
from tremplin.kernel.routing import plugin_routers, problem_urls

api = NinjaAPI(
    title="Tremplin",
    version="1.0.0",
    urls_namespace="api",
    docs_url=None,  # the pages of the documentation are the space's own: identity/views
    openapi_url=None,
)
install_problem_handlers(api)
api.add_router("", identity_router, auth=authenticators("identity"))
api.add_router("", billing_router, auth=authenticators("billing"))
for mounted in plugin_routers():
    api.add_router(mounted.path, mounted.router, auth=mounted.auth)
api_schema.publish(api)
urls = problem_urls(api.urls)
