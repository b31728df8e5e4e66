"""URLs of the APIs that commands talk to."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

import typer


def checked_url(url: str) -> str:
    """The URL without a slash at its end.

    Raises:
        typer.BadParameter: not http or https, or no host.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise typer.BadParameter(f"{url!r} must be http://HOST:PORT or https://HOST:PORT")
    return url.rstrip("/").removesuffix("/api/v1")


def is_local(url: str) -> bool:
    """Whether the host of a URL is this host's loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def quoted(text: str, argument: str = "ID") -> str:
    """The value of an argument, such as an address or prefix, as one segment of a path.

    Raises:
        typer.BadParameter: it can't be one: the path would be that of another resource.
    """
    if text in {"", ".", ".."}:
        problem = f"{text!r} names nothing" if text else "must not be empty"
        raise typer.BadParameter(problem, param_hint=argument)
    return quote(text, safe=":")
