"""/api/docs/ (Swagger UI) and /api/redoc/, with their scripts from here: they work without internet."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse

DOCS_PATH = "/api/docs/"
REDOC_PATH = "/api/redoc/"
ASSETS_PATH = "/api/docs-assets"
# The package is taken for the files that it carries.
_ASSETS = Path(fastapi_offline.__file__).parent / "static"


def install(app: FastAPI, *, openapi_path: str) -> None:
    app.mount(ASSETS_PATH, StaticFiles(directory=_ASSETS), name="docs assets")

    async def swagger(_request: Request) -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=openapi_path,
            title=app.title,
            swagger_js_url=f"{ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS_PATH}/favicon.png",
        )

    async def redoc(_request: Request) -> HTMLResponse:
        return get_redoc_html(
            openapi_url=openapi_path,
            title=app.title,
            redoc_js_url=f"{ASSETS_PATH}/redoc.standalone.js",
            redoc_favicon_url=f"{ASSETS_PATH}/favicon.png",
            with_google_fonts=False,
        )

    app.add_route(DOCS_PATH, swagger, include_in_schema=False)
    app.add_route(REDOC_PATH, redoc, include_in_schema=False)
