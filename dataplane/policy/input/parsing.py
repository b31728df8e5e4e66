"""Converts text to a policy document, or to lines that describe its mistakes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.input.list_file import UTF8_SIGNATURE
from dataplane.base.input.numbers import whole
from dataplane.policy.document import PolicyDocument
from dataplane.policy.input.checking import check
from dataplane.policy.input.mistakes import mistakes_of, without_mistakes

FILE_BYTES_MAX = 1 << 20
MISTAKES_NAMED_MAX = 100


def parse_policy(document: Mapping[str, Any]) -> PolicyDocument:
    """Validate a document that came as JSON or TOML.

    Raises InvalidInputError that names field (``rules[0].type``), value and limit of each mistake.
    """
    try:
        plain = _plain(document)
    except (TypeError, ValueError) as error:
        message = f"policy can't be written as JSON: {error}"
        raise InvalidInputError(message, field="policy", limit="JSON values") from error
    found = list[InvalidInputError]()
    try:
        policy = _validate(plain)
    except ValidationError as error:
        found = mistakes_of(error, plain)
        with suppress(ValidationError):
            found += check(_validate(without_mistakes(error, plain)))
    else:
        found += check(policy)
    if len(found) == 1:
        raise found[0]
    if found:
        raise InvalidInputsError(found[:MISTAKES_NAMED_MAX], len(found))
    return policy


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """Whole numbers as int, also those written like 60.0."""
    number = lambda text: whole(float(text))  # noqa: E731 - its type is json's affair
    found: dict[str, Any] = json.loads(json.dumps(document), parse_float=number)
    return found


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
    content = content.removeprefix(UTF8_SIGNATURE)
    if as_json is None:
        as_json = content.lstrip().startswith(b"{")  # no line of TOML begins so
    try:
        text = content.decode()
        document = json.loads(text) if as_json else tomllib.loads(text)
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
