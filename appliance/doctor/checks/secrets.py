"""Secrets in files that every user of the host can read."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from appliance.config.orchestrator import DATABASE_URL
from appliance.config.settings import FLEET_TOKEN, WEBHOOKS_SECRET
from appliance.defaults import ORCHESTRATOR_FILE
from appliance.doctor.context import Context, Finding, Status
from appliance.host.files import Host
from dataplane.base.input.marks import decoded

_STORES = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")
_WHY = "whoever has an account on this host has it; a credential is for root and its unit alone"


def check_secrets(context: Context) -> Iterator[Finding]:
    """The places: configurations, the file of the enrolment token, and credentials."""
    found = [
        *_in_configurations(context),
        *_enrolment_token(context),
        *_credentials(context.host),
    ]
    yield from found or [Finding("secrets", Status.OK, "none in a file that everybody can read")]


def _in_configurations(context: Context) -> Iterator[Finding]:
    files = [file for file in (context.config_file, ORCHESTRATOR_FILE) if file is not None]
    for file in files:
        if not _is_open(context.host, file):
            continue
        for key, (_, credential) in _secrets_in(context.host, file):
            what = f"{key} is in {file}, which everybody can read"
            yield _finding(what, f"mv it to /etc/credstore/{credential}, mode 0600")


def _secrets_in(host: Host, file: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Keys with a secret, and the credential that can replace each."""
    try:
        text = (host.content(str(file)) or "").encode()
        document: dict[str, Any] = tomllib.loads(decoded(text))
    except ValueError:
        return
    webhooks = document.get("webhooks")
    if isinstance(webhooks, dict) and webhooks.get("secret"):
        yield "webhooks.secret", WEBHOOKS_SECRET
    if _has_password(document.get("database")):
        yield "the password of database", DATABASE_URL


def _has_password(url: object) -> bool:
    try:
        return isinstance(url, str) and make_url(url).password is not None
    except ArgumentError:
        return False


def _enrolment_token(context: Context) -> Iterator[Finding]:
    file = context.config.fleet.token_file if context.config else None
    if file is not None and _is_open(context.host, file):
        what = f"fleet.token_file, {file}, can be read by everybody"
        user = context.config.api.user if context.config else ""
        command = f"chown {user}: {file} && chmod 600 {file}"
        yield _finding(what, f"{command}   # or the credential {FLEET_TOKEN[1]}")


def _credentials(host: Host) -> Iterator[Finding]:
    for store in _STORES:
        for name in host.names(store):
            file = Path(store, name)
            if name.startswith("secbeat.") and _is_open(host, file):
                yield _finding(f"{file} can be read by everybody", f"chmod 600 {file}")


def _finding(what: str, command: str) -> Finding:
    return Finding("secrets", Status.WARN, what, _WHY, command)


def _is_open(host: Host, file: Path) -> bool:
    """Whether every user can read the file, by its own mode; directories above are not
    considered."""
    try:
        return bool(host.path(str(file)).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
