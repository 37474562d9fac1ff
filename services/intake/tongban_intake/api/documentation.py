"""The API's documentation, served by intake itself: the networks it runs in need no way out."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from tongban_runtime.auth import public

_ASSETS = "/docs/assets"

router = APIRouter(tags=["documentation"])


@router.get("/openapi.json", dependencies=[Depends(public)], include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI document."""
    app: FastAPI = request.app
    return app.openapi()


@router.get("/docs", dependencies=[Depends(public)], include_in_schema=False)
async def docs() -> HTMLResponse:
    """The OpenAPI document as a page."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="通办 · 受理服务接口 Tongban intake API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )


def mount_assets(app: FastAPI) -> None:
    """Serves Swagger UI's files from the installed package ``fastapi-offline``."""
    folder = Path(str(files("fastapi_offline") / "static"))
    app.mount(_ASSETS, StaticFiles(directory=folder), name="docs-assets")
