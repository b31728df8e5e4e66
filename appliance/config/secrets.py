"""Secrets for a process: from its environment, or from systemd's credentials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dataplane.base.errors import ConfigurationError


def secret(environment: Mapping[str, str], variable: str, credential: str) -> str | None:
    """The variable, else the credential of systemd.exec(5), else None."""
    key = environment.get(variable)
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if key or not directory:
        return key or None
    file = Path(directory) / credential
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: can't be read: {error}") from error
