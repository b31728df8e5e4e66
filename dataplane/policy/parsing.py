"""From what somebody wrote to a policy document, or to one line that says what is wrong with it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from dataplane.base.errors import InvalidInputError
from dataplane.base.numbers import whole
from dataplane.policy.checking import check
from dataplane.policy.document import PolicyDocument
from dataplane.policy.rules import RULES

FILE_BYTES_MAX = 1 << 20
_TYPES = "one of " + ", ".join(RULES)
_TAGS = frozenset[str]().union(*(model.TAGS for model in RULES.values()))


def parse_policy(document: Mapping[str, Any]) -> PolicyDocument:
    """Validate a document that came as JSON or TOML.

    Raises InvalidInputError that names the field (``rules[0].type``), its value and the limit.
    """
    try:
        policy = PolicyDocument.model_validate_json(_json(document), strict=True)
    except (TypeError, ValueError) as error:
        raise _translate(error, document) from error
    check(policy)
    return policy


def _json(document: Mapping[str, Any]) -> str:
    """With whole numbers as such, also those that are written as 60.0."""
    return json.dumps(json.loads(json.dumps(document), parse_float=lambda text: whole(float(text))))


def load_policy_file(path: Path) -> PolicyDocument:
    """Read a policy from a ``.toml`` or ``.json`` file of at most 1 MiB, as the API takes."""
    try:
        with path.open("rb") as file:
            return read_policy(file, str(path), as_json=path.suffix == ".json")
    except OSError as error:
        raise _file_error(str(path), f"can't be read: {error.strerror}") from error


def read_policy(file: IO[bytes], name: str, *, as_json: bool | None = None) -> PolicyDocument:
    """Read a policy as `load_policy_file` does; ``as_json`` None: JSON if it begins with ``{``.

    Args:
        file: read to its end, or to the limit.
        name: what errors call it.
        as_json: else TOML.
    """
    content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise _file_error(name, f"is larger than {FILE_BYTES_MAX} bytes")
    if as_json is None:
        as_json = content.lstrip().startswith(b"{")  # no line of TOML does
    try:
        text = content.decode()
        document = json.loads(text) if as_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _file_error(name, f"is not {'JSON' if as_json else 'TOML'}: {error}") from error
    if not isinstance(document, dict):
        raise _file_error(name, "is not an object with 'name' and 'rules'")
    try:
        return parse_policy(document)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"policy file {name}: {error}", field=error.field, value=error.value, limit=error.limit
        ) from error


def _translate(error: Exception, document: Mapping[str, Any]) -> InvalidInputError:
    if not isinstance(error, ValidationError):
        return InvalidInputError(
            f"policy can't be written as JSON: {error}", field="policy", limit="JSON values"
        )
    first = error.errors(include_url=False)[0]
    field = _field(first["loc"])
    value = None if first["type"] == "missing" else first["input"]
    limit = "no such field" if first["type"] == "extra_forbidden" else first["msg"]
    if first["type"].startswith("union_tag"):
        value = first.get("ctx", {}).get("tag")
        field, limit = f"{field}.type", _TYPES
    shown = f" (is {value!r:.80})" if value is not None and value is not document else ""
    return InvalidInputError(f"{field}: {limit}{shown}", field=field, value=value, limit=limit)


def _field(location: tuple[int | str, ...]) -> str:
    """A path as an operator writes it: without what pydantic puts behind a rule or a port."""
    text, before = "", ("", "")
    for part in location:
        is_tag = before[1] == "[]" and (part in _TAGS or (before[0] == "rules" and part in RULES))
        if isinstance(part, int):
            text += f"[{part}]"
            before = (before[1], "[]")
        elif is_tag:
            before = (before[0], part)  # what follows is a field, be it named as a type
        else:
            text += f".{part}"
            before = (before[1], part)
    return text.lstrip(".") or "policy"


def _file_error(name: str, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"policy file {name} {problem}", field="policy", value=name, limit=problem
    )
