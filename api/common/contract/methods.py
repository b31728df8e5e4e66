"""Answers 405 to methods that a path does not have, with ``Allow`` listing exactly those that it
has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed


def refuse_others(app: Flask) -> None:
    """Let every path of an application refuse the methods that are not routed; call it last.

    Without it, when a path lacks the method the router tries another matching path with a
    parameter: ``GET /blacklist/import`` would become ``GET /blacklist/{network}``. Also, methods
    are case-sensitive (RFC 9110 section 9.1), which the router ignores.
    """
    methods: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        methods.setdefault(rule.rule, set()).update(rule.methods or ())
    for path, found in methods.items():
        endpoint = f"other methods of {path}"
        app.url_map.add(app.url_rule_class(path, endpoint=endpoint, methods=None))
        app.view_functions[endpoint] = _refusing(found)
    app.before_request(lambda: _refuse_in_another_case(methods))


def _refuse_in_another_case(methods: Mapping[str, Collection[str]]) -> None:
    if request.url_rule and request.environ["REQUEST_METHOD"] != request.method:
        _refuse(methods[request.url_rule.rule])


def _refusing(methods: Collection[str]) -> Callable[..., Response]:
    return lambda **_path: _refuse(methods)


def _refuse(methods: Collection[str]) -> NoReturn:
    allowed, sent = sorted(methods), request.environ["REQUEST_METHOD"]
    raise MethodNotAllowed(allowed, f"{sent[:40]}: this path has {', '.join(allowed)}")
