"""The secret that webhooks are signed with: at least 24 random bytes, in standard base64.

`standardwebhooks` decodes leniently: it drops characters that are not of the alphabet, so that a
secret in URL-safe base64 would silently be another key. Here it is decoded strictly, once.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from pathlib import Path

from api.common.files import write_private
from dataplane.base.errors import ConfigurationError

PREFIX = "whsec_"
BYTES_MIN, BYTES_MAX = 24, 64
RULE = f"must be {PREFIX} and then {BYTES_MIN} to {BYTES_MAX} bytes in standard base64"
_BYTES_MADE = 32


def decode(text: str) -> bytes:
    """The key in a secret's text, with or without its prefix; ValueError names the rule that it
    breaks."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError(RULE) from None
    if not BYTES_MIN <= len(key) <= BYTES_MAX:
        raise ValueError(f"{RULE}, not {len(key)} bytes")
    return key


def encode(key: bytes) -> str:
    """A key as text, for operators and receivers."""
    return PREFIX + base64.b64encode(key).decode()


def load(file: Path) -> bytes:
    """The key in a file, made if there is none.

    Raises:
        StorageError: there is none, and none can be made.
        ConfigurationError: the file has invalid content.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return _make(file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: can't be read: {error}") from error
    try:
        return decode(text)
    except ValueError as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _make(file: Path) -> bytes:
    key = secrets.token_bytes(_BYTES_MADE)
    write_private(file, encode(key) + "\n")
    return key
