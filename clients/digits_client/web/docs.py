"""``/openapi.json``, and ``/docs``: the same as a page, which loads nothing but its style sheet."""

import html
import json
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .page_files import COMPRESSED

OPENAPI_FILE: Final = Path(__file__).with_name("openapi.json")
STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h2 { margin-top: 2.5rem; }
section { border-top: 1px solid #8888; padding: 0.5rem 0; }
h3 { font-size: 1rem; margin: 0.5rem 0; }
code, pre { font: 0.9rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: #8882; border-radius: 0.4rem; padding: 0.6rem; white-space: pre-wrap; }
dt { font-weight: 600; }
"""


def docs_routes() -> list[Route]:
    """Return the routes."""
    text = OPENAPI_FILE.read_text("utf-8")
    page = render(json.loads(text))

    async def openapi(request: Request) -> Response:
        return Response(text, media_type="application/json")

    async def docs(request: Request) -> Response:
        return HTMLResponse(page)

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    return [
        Route("/openapi.json", openapi, methods=["GET"], middleware=COMPRESSED),
        Route("/docs", docs, methods=["GET"], middleware=COMPRESSED),
        Route("/docs.css", style, methods=["GET"], middleware=COMPRESSED),
    ]


def render(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as an HTML page."""
    operations: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            section = _operation(method.upper(), path, operation, document)
            operations.setdefault(operation["tags"][0], []).append(section)
    parts = [f"<h2>{html.escape(tag)}</h2>{''.join(each)}" for tag, each in operations.items()]
    schemas = "".join(
        f'<section id="{name}"><h3><code>{name}</code></h3>{_properties(schema)}</section>'
        for name, schema in document["components"]["schemas"].items()
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(info['title'])}</title>"
        '<link rel="stylesheet" href="/docs.css"></head>'
        f"<body><main><h1>{html.escape(info['title'])}</h1><p>{html.escape(info['description'])}</p>"
        '<p><a href="/openapi.json">openapi.json</a> · <a href="/">the page to draw on</a></p>'
        f"{''.join(parts)}<h2>Messages</h2>{schemas}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [
        f"<section><h3><code>{method} {html.escape(path)}</code></h3>",
        f"<p>{html.escape(operation['summary'])}. {html.escape(operation.get('description', ''))}",
        "</p>",
    ]
    if parameters := operation.get("parameters"):
        names = "".join(
            f"<dt><code>{each['name']}</code></dt><dd>{html.escape(each['description'])}"
            f"{_values(each['schema'])}</dd>"
            for each in parameters
        )
        parts.append(f"<dl>{names}</dl>")
    if body := operation.get("requestBody"):
        parts.append(f"<p>Body: {_content(body['content'])}</p>")
    statuses = []
    for status, response in operation["responses"].items():
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        if status < "300":
            content = _content(response.get("content", {}))
            parts.append(f"<p>{status}: {html.escape(response['description'])} {content}</p>")
        else:
            statuses.append(status)
    parts.append(f"<p>Errors: {', '.join(statuses)}</p></section>")
    return "".join(parts)


def _content(content: dict[str, Any]) -> str:
    return ", ".join(
        f"<code>{html.escape(media_type)}</code>{_link(each['schema'])}"
        for media_type, each in content.items()
    )


def _link(schema: dict[str, Any]) -> str:
    if "$ref" not in schema:
        return ""
    name = schema["$ref"].rpartition("/")[2]
    return f' <a href="#{name}">{name}</a>'


def _values(schema: dict[str, Any]) -> str:
    return f" One of {', '.join(schema['enum'])}." if "enum" in schema else ""


def _properties(schema: dict[str, Any]) -> str:
    names = "".join(
        f"<dt><code>{name}</code></dt><dd>{html.escape(each.get('description', ''))}"
        f"{_values(each)}{_link(each)}{_link(each.get('items', {}))}</dd>"
        for name, each in schema.get("properties", {}).items()
    )
    return f"<dl>{names}</dl>"
