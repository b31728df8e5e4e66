"""Filters for the text of a secbeat.toml: its sections, and the text with the name of the node.

Python's TOML parser reads the text, because TOML allows many ways to write the same key. No library
of a controller writes TOML and keeps comments, so the name is an edit of one line or two.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

from ansible.errors import AnsibleFilterError

_KEY = re.compile(r"""\s*(?:(?:node|"node"|'node')\s*\.\s*)?(?:name|"name"|'name')\s*=""")
_TABLE = re.compile(r"""\s*\[\s*(?:node|"node"|'node')\s*]\s*(?:#.*)?""")


def sections(text: str, file: str) -> list[str]:
    """The first words of all keys. AnsibleFilterError, which names ``file``: it is not TOML."""
    return list(_parsed(text.removeprefix("\ufeff"), file))


def named(text: str, name: str, file: str) -> str:
    """The text with ``node.name``.

    Takes the first edit after which the parser reads the wanted name and nothing else that is
    different; a text that has the name already stays as it is.

    Args:
        text: a secbeat.toml.
        name: the name of the node.
        file: the name of the file, for messages.

    Raises:
        AnsibleFilterError: the text is not TOML, or no edit gives it the name.
    """
    text = text.removeprefix("\ufeff")
    wanted = _parsed(text, file)
    section = wanted.setdefault("node", {})
    if isinstance(section, dict):
        section["name"] = name
    for edited in _edits(text, json.dumps(name, ensure_ascii=False)):
        try:
            if tomllib.loads(edited) == wanted:
                return edited
        except tomllib.TOMLDecodeError:
            continue
    raise AnsibleFilterError(
        f"{file}: can't write secbeat_node_name into this file: write [node] as a section with its "
        'keys below, and the name on one line, as name = "NAME"'
    )


def _parsed(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise AnsibleFilterError(f"{file} is not TOML: {exc}") from exc


def _edits(text: str, value: str) -> Iterator[str]:
    """The text itself, then with another value, a new key in the section, at the top, and with a
    new section."""
    yield text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        before, after = lines[:number], lines[number + 1 :]
        if found := _KEY.match(line):
            yield "\n".join([*before, f"{found[0]} {value}", *after])
        elif _TABLE.fullmatch(line):
            yield "\n".join([*before, line, f"name = {value}", *after])
    yield f"node.name = {value}\n{text}"
    yield f"{text}\n[node]\nname = {value}\n"


class FilterModule:
    """The class that Ansible calls."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by their names in templates."""
        return {"secbeat_node_named": named, "secbeat_node_sections": sections}
