"""Writes tables as TOML, for configurations that a program composes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def dump(tables: Mapping[str, Any], prefix: str = "") -> str:
    """Tables of strings, numbers, booleans and lists of them as TOML."""
    plain = {key: value for key, value in tables.items() if not isinstance(value, Mapping)}
    text = f"[{prefix}]\n" if prefix and plain else ""
    # JSON's notation of these types is TOML's.
    text += "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in plain.items()
    )
    for key, value in tables.items():
        if isinstance(value, Mapping):
            text += dump(value, f"{prefix}.{key}" if prefix else key)
    return text
