"""A shop with an SQL injection, as a target for sqlmap."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

_database = sqlite3.connect(":memory:", check_same_thread=False)
_database.execute("CREATE TABLE articles (id INTEGER, name TEXT)")
_database.executemany("INSERT INTO articles VALUES (?, ?)", [(1, "apple"), (2, "pear")])


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application: ``/?id=1`` shows an article."""
    number = parse_qs(environ["QUERY_STRING"]).get("id", ["1"])[0]
    try:
        # Deliberately vulnerable to SQL injection.
        rows = _database.execute(f"SELECT name FROM articles WHERE id = {number}").fetchall()  # noqa: S608
        status, text = "200 OK", "<p>Articles: " + ", ".join(str(row[0]) for row in rows)
    except sqlite3.Error as exc:
        status, text = "500 Internal Server Error", f"sqlite3.OperationalError: {exc}"
    body = f"<html><body>{text}</body></html>".encode()
    start_response(status, [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
