"""The documentation page: the OpenAPI document as HTML, with the required role of each operation.

Rendered here and served with its own style sheet: it needs no script and no external file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template_string, send_file

_FILES = Path(__file__).parent / "static"
_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def register(app: Flask, document: dict[str, Any]) -> None:
    """Serve the page at ``/docs``."""
    template = (_FILES / "docs.html").read_text(encoding="utf-8")

    @cache
    def text() -> str:
        return render_template_string(template, document=document, operations=rows(document))

    def page() -> Response:
        response = Response(text(), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    def style() -> Response:
        return send_file(_FILES / "docs.css", mimetype="text/css")

    for rule, view in (("/docs", page), ("/docs/docs.css", style)):
        app.add_url_rule(
            rule, endpoint=rule, view_func=view, methods=["GET"], provide_automatic_options=False
        )


def rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each operation: method, path, role, summary, answers without references."""
    shared = {
        f"#/components/responses/{name}": answer
        for name, answer in document["components"]["responses"].items()
    }
    return [
        {
            "method": method.upper(),
            "path": path,
            "role": operation["x-secbeat-role"] or "anybody",
            "operation": operation,
            "responses": {
                status: shared.get(answer.get("$ref"), answer)
                for status, answer in sorted(operation["responses"].items())
            },
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
