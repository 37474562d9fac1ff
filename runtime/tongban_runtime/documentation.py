"""A service's API documentation, served by the service itself: the networks it runs in need no way out."""

import base64
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from tongban_runtime.auth import public

_ASSETS = "/docs/assets"
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json", dependencies=[Depends(public)])
async def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI document of the service."""
    app: FastAPI = request.app
    return app.openapi()


@router.get("/docs", dependencies=[Depends(public)])
async def docs(request: Request) -> HTMLResponse:
    """The OpenAPI document as a page."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _policy_of(bytes(page.body))
    return page


def _policy_of(page: bytes) -> str:
    """The service's own files and the page's one script by its digest; Swagger UI sets styles and pictures of its own."""
    digests = [base64.b64encode(sha256(script).digest()).decode() for script in _INLINE.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def install(app: FastAPI) -> None:
    """Gives ``app`` the pages /docs and /openapi.json; Swagger UI's files come from the package ``fastapi-offline``."""
    app.include_router(router)
    folder = Path(str(files("fastapi_offline") / "static"))
    app.mount(_ASSETS, StaticFiles(directory=folder), name="docs-assets")
