"""The examples of the public contract in `docs/api-examples.md`, and a comparison of answers with
them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "api-examples.md"
KEY_IN_THE_TEXT = re.compile(r"your-(?:api-)?key")
MAPS = ("attack_types",)
"""Names of objects whose member names are data."""
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")


@dataclass(frozen=True)
class Example:
    """A block of the page, and the following block of JSON if that is its answer."""

    language: str
    text: str
    answer: Any = None

    def with_key(self, key: str) -> str:
        """The text, with this key in place of the example's key."""
        return KEY_IN_THE_TEXT.sub(key, self.text)


def examples() -> list[Example]:
    """All blocks of the page; an answer belongs to the block before it."""
    found: list[Example] = []
    for language, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "json":
            last = found.pop()
            found.append(Example(last.language, last.text, json.loads(text)))
        else:
            found.append(Example(language, text))
    return found


def example(of: str) -> Example:
    """The only example whose text contains, or ends with, this text."""
    matching = [each for each in examples() if of in each.text]
    ends = [each for each in matching if each.text.rstrip().endswith(of)]
    (found,) = ends if len(ends) == 1 else matching
    return found


def unlike(found: Any, sample: Any, where: str = "answer") -> list[str]:
    """Differences between an answer and an example in fields and types. Additional fields do not
    count."""
    if isinstance(sample, dict):
        if not isinstance(found, dict):
            return [f"{where}: {found!r} is no object"]
        if where.rpartition(".")[2] in MAPS:
            kind = next(iter(sample.values()))
            return [text for name in found for text in unlike(found[name], kind, f"{where}.{name}")]
        lacking = [f"{where}.{name} is missing" for name in sample if name not in found]
        both = [name for name in sample if name in found]
        return lacking + [
            text for name in both for text in unlike(found[name], sample[name], f"{where}.{name}")
        ]
    if isinstance(sample, list):
        if not isinstance(found, list):
            return [f"{where}: {found!r} is no list"]
        return [text for each in found for text in unlike(each, sample[0], f"{where}[]")]
    return [] if _is_alike(found, sample) else [f"{where}: {found!r} is not as {sample!r}"]


def _is_alike(found: Any, sample: Any) -> bool:
    if isinstance(sample, bool) or isinstance(found, bool):
        return type(sample) is type(found)
    if isinstance(sample, int | float):
        return isinstance(found, int | float)
    if isinstance(sample, str) and _TIME.fullmatch(sample):
        return isinstance(found, str) and _TIME.fullmatch(found) is not None
    return type(found) is type(sample)
