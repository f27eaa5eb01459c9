"""Puts the pages at /admin/ into the application."""

from pathlib import Path

from fastapi import FastAPI
from sqladmin import Admin
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse

from platform_api.admin.guard import Guard, SameOriginOnly, audited_sessions
from platform_api.admin.impersonate_page import ImpersonatePage
from platform_api.admin.views import VIEWS

TEMPLATES = Path(__file__).parent / "templates"


def install(app: FastAPI) -> Admin:
    @app.get("/admin", include_in_schema=False)
    async def _slash() -> RedirectResponse:
        return RedirectResponse("/admin/", status_code=308)

    admin = Admin(
        app,
        session_maker=audited_sessions(),
        base_url="/admin",
        title="MESS administration",
        templates_dir=str(TEMPLATES),
        middlewares=[Middleware(SameOriginOnly)],
        authentication_backend=Guard(),
    )
    for view in VIEWS:
        admin.add_view(view)
    admin.add_view(ImpersonatePage)
    return admin
