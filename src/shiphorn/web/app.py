"""The web application: pages for people, the API for programs, both over the same service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from litestar import Litestar
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import CacheControlHeader, State
from litestar.middleware import DefineMiddleware
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from shiphorn.adapters.vault import Vault
from shiphorn.service.people.cli_sign_in import MOST_QUESTIONS, QUESTIONS_SECONDS
from shiphorn.service.people.pace import Pace
from shiphorn.service.service import Service
from shiphorn.web import alive, filters, hooks, slack
from shiphorn.web.api import PATH, api
from shiphorn.web.api.description import openapi
from shiphorn.web.api.encoding import ShownFields
from shiphorn.web.given import DEPENDENCIES, OPEN
from shiphorn.web.metrics import Metrics
from shiphorn.web.pages import PAGES
from shiphorn.web.problems import HANDLERS
from shiphorn.web.security import Guarded, Headers
from shiphorn.web.site import Site

HERE = Path(__file__).resolve().parent
STATIC_SECONDS = 3600


def make_app(
    service: Service,
    vault: Vault,
    site: Site,
    *,
    set_up_code: str = "",
    metrics: Metrics | None = None,
    **more: Any,
) -> Litestar:
    """The application. Whoever has the `set_up_code` becomes the first admin; `more` goes to Litestar."""
    metrics = metrics or Metrics(service.store, service.apps, {}, service.figures, service.known)
    csrf = CSRFConfig(
        secret=vault.derived("csrf"),
        cookie_name="horn_csrf",
        cookie_path=site.base or "/",
        cookie_secure=site.secure,
        cookie_samesite="lax",
        exclude=[f"^{site.base}/{part}/" for part in ("api", "static", "hooks", "slack")],
    )
    return Litestar(
        path=site.base,
        route_handlers=[*PAGES, *alive.ROUTES, *hooks.ROUTES, *slack.ROUTES, api(), _static()],
        include_in_schema=False,
        openapi_config=openapi(f"{PATH}/schema"),
        plugins=[ShownFields()],
        state=State(
            {
                "service": service,
                "vault": vault,
                "site": site,
                "set_up_code": set_up_code,
                "metrics": metrics,
                "strangers": Pace(MOST_QUESTIONS, QUESTIONS_SECONDS),
            }
        ),
        dependencies=DEPENDENCIES,
        middleware=[DefineMiddleware(Headers), DefineMiddleware(Guarded, exclude=f"^{site.base}/static/")],
        csrf_config=csrf,
        exception_handlers=HANDLERS,
        # Its own would take over what the whole process logs.
        logging_config=None,
        template_config=TemplateConfig(instance=JinjaTemplateEngine(engine_instance=_templates(site))),
        **more,
    )


def _static() -> Any:
    return create_static_files_router(
        path="/static",
        directories=[HERE / "static"],
        cache_control=CacheControlHeader(max_age=STATIC_SECONDS, public=True),
        opt=OPEN,
    )


def _templates(site: Site) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"base": site.base}
    environment.filters |= filters.ALL
    return environment
