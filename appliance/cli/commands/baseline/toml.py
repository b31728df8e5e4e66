"""A policy document as TOML, with comments; ``tomllib`` reads it again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Comments: TypeAlias = Mapping[Path, Sequence[str]]
"""Comment lines above the value at a path: ``("profiles", 0, "rules", 2, "syns")``."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dump(document: Mapping[str, Any], comments: Comments) -> str:
    """Writes tables, lists of tables, and lists of strings, numbers and booleans; leaves out
    None."""
    return "\n".join(_table(document, (), comments)).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: Path, comments: Comments) -> Iterator[str]:
    """Plain values come first, because values behind a header belong to that header."""
    present = {key: value for key, value in table.items() if value is not None}
    for key, value in present.items():
        if not _is_nested(value):
            yield from _comment(comments, (*path, key))
            yield f"{_key(key)} = {_value(value)}"
    for key, value in present.items():
        if isinstance(value, Mapping):
            yield from _headed(value, (*path, key), "[{}]", comments)
        elif _is_nested(value):
            for index, each in enumerate(value):
                yield from _headed(each, (*path, key, index), "[[{}]]", comments)


def _headed(table: Mapping[str, Any], path: Path, header: str, comments: Comments) -> Iterator[str]:
    yield ""
    yield from _comment(comments, path)
    yield header.format(".".join(_key(step) for step in path if isinstance(step, str)))
    yield from _table(table, path, comments)


def _comment(comments: Comments, path: Path) -> Iterator[str]:
    return (f"# {line}" for line in comments.get(path, ()))


def _is_nested(value: Any) -> bool:
    is_tables = isinstance(value, Sequence) and not isinstance(value, str)
    return isinstance(value, Mapping) or (is_tables and any(isinstance(e, Mapping) for e in value))


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _value(text)


def _value(value: Any) -> str:
    """JSON's notation of these types is TOML's; what isn't printable is escaped (TOML 1.0)."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)
