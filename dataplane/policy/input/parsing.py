"""Converts text to a policy document, or to lines that describe its mistakes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.input.json_text import NAMED_MAX, load_json
from dataplane.base.input.marks import decoded, without_marks
from dataplane.policy.document import PolicyDocument
from dataplane.policy.input.checking import check
from dataplane.policy.input.mistakes import mistakes_of, places_of, written_as
from dataplane.policy.input.plain import as_json_values
from dataplane.policy.input.stand_ins import Place, replaced

FILE_BYTES_MAX = 1 << 20


def parse_policy(document: Mapping[str, Any]) -> PolicyDocument:
    """Validate a document that came as JSON or TOML.

    Raises InvalidInputError that names field (``rules[0].type``), value and limit of each mistake.
    """
    try:
        return _parsed(document)
    except RecursionError as error:
        message = "policy: has too many levels"
        raise InvalidInputError(message, field="policy", limit="fewer levels") from error


def _parsed(document: Mapping[str, Any]) -> PolicyDocument:
    plain, strange = as_json_values(document)
    named = {one.field for one in strange.values()}
    found, places = [*strange.values()], [*strange]
    try:
        policy = _validate(plain)
    except ValidationError as error:
        found += mistakes_of(error, plain, named)
        places += places_of(error)
    if places:
        found += _others(plain, places) if all(places) else []
    else:
        found += check(policy)
    if len(found) == 1:
        raise found[0]
    if found:
        raise InvalidInputsError(found[:NAMED_MAX], len(found))
    return policy


def _others(document: Mapping[str, Any], places: Sequence[Place]) -> list[InvalidInputError]:
    """The mistakes that types can't express, and that don't depend on a value in these places."""
    kept: dict[tuple[str, str], InvalidInputError] | None = None
    for one in replaced(document, places):
        try:
            found = {(each.field, each.limit): each for each in check(_validate(one))}
        except ValidationError:  # it is a mistake more, and may hide what was replaced
            return []
        kept = {key: found[key] for key in found if kept is None or key in kept}
    wrong = {written_as(place) for place in places}
    return [each for each in (kept or {}).values() if not _is_within(each.field, wrong)]


def _is_within(field: str, fields: AbstractSet[str]) -> bool:
    """Whether it is one of the fields, or a part of one."""
    return any(field == one or field.startswith((f"{one}.", f"{one}[")) for one in fields)


def _validate(document: Mapping[str, Any]) -> PolicyDocument:
    return PolicyDocument.model_validate_json(json.dumps(document), strict=True)


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
        name: its name in errors.
        as_json: False: TOML.
    """
    content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise _file_error(name, f"is larger than {FILE_BYTES_MAX} bytes")
    if as_json is None:
        as_json = without_marks(content).lstrip().startswith(b"{")  # no line of TOML begins so
    try:
        text = decoded(content)
        document = load_json(text) if as_json else tomllib.loads(text)
    except InvalidInputError as error:
        raise error.of(f"policy file {name}") from error
    except (ValueError, RecursionError) as error:
        raise _file_error(name, f"is not {'JSON' if as_json else 'TOML'}: {error}") from error
    if not isinstance(document, dict):
        raise _file_error(name, "is not an object with 'name' and 'rules'")
    try:
        return parse_policy(_shown(document) or document)
    except InvalidInputError as error:
        raise error.of(f"policy file {name}") from error


def _shown(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The policy in an answer of ``GET /policy`` or ``secbeat policy show --json``."""
    policy = document.get("policy")
    has_number = "revision" in document or "number" in document
    return policy if isinstance(policy, dict) and has_number else None


def _file_error(name: str, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"policy file {name} {problem}", field="policy", value=name, limit=problem
    )
