"""Reads ``secbeat.toml``; each mistake becomes one line that names file, key, value, limit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.config.checks import Problem, broken_rules
from appliance.config.model import NodeConfig
from appliance.defaults import CONFIG_FILE
from dataplane.base.errors import ConfigurationError
from dataplane.base.input.marks import decoded
from dataplane.base.input.nearest import fields_beside, instead_of

_VALUE_LENGTH_MAX = 80
_SECRETS = ("webhooks.secret", "database")
"""Keys whose values are never in messages: a wrong value may be similar to the right secret."""


def load_config(file: Path = CONFIG_FILE) -> NodeConfig:
    """Read and check a configuration file; a relative ``policy.file`` lies beside it.

    Raises:
        ConfigurationError: the file can't be read, is not TOML, or breaks a rule; a line for
            each mistake.
    """
    config = parse_config(read_document(file), file)
    policy = config.policy.file
    if policy is None:
        return config
    beside = config.policy.model_copy(update={"file": file.absolute().parent / policy})
    return config.model_copy(update={"policy": beside})


def parse_config(document: Mapping[str, Any], file: Path) -> NodeConfig:
    """Check a document that was read from ``file``, which is used in messages only."""
    try:
        config = NodeConfig.model_validate(document)
    except ValidationError as error:
        raise problem_error(file, error, NodeConfig) from None
    problems = broken_rules(config)
    if problems:
        raise _error(file, problems)
    return config


def read_document(file: Path) -> dict[str, Any]:
    """A file's tables, unchecked; raises ConfigurationError when it can't be read as TOML."""
    try:
        with file.open("rb") as stream:
            return tomllib.loads(decoded(stream.read()))
    except OSError as error:
        raise ConfigurationError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file}: is not TOML: {error}") from error


def problem_error(file: Path, error: ValidationError, model: type[BaseModel]) -> ConfigurationError:
    """Pydantic's errors about a file for ``model``, as one error with a line for each mistake."""
    return _error(file, [_problem(one, model) for one in error.errors(include_url=False)])


def _error(file: Path, problems: Sequence[Problem]) -> ConfigurationError:
    return ConfigurationError("\n".join(_line(file, *problem) for problem in problems))


def _line(file: Path, key: str, value: object, limit: str) -> str:
    hidden = value is _ABSENT or isinstance(value, dict) or key in _SECRETS
    named = key if hidden else f"{key} = {_shown(value_for_people(key, value))}"
    return f"{file}: {named}: {limit}" if named else f"{file}: {limit}"


def value_for_people(key: str, value: object) -> object:
    """The value without parts that may be secret: user and password of a URL, and the path of a
    receiver's."""
    if isinstance(value, (list, tuple)):
        return [value_for_people(key, each) for each in value]
    if not isinstance(value, str) or "//" not in value:
        return value
    scheme, _, rest = value.partition("//")
    end = re.search(r"[/?#]", rest)
    authority, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    if key.startswith("webhooks.endpoints") and len(path) > 1:
        path = "/..."
    return f"{scheme}//{authority.rpartition('@')[2]}{path}"


def _shown(value: object) -> str:
    """A value in TOML's notation, on one line and limited in length."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = {"True": "true", "False": "false"}.get(text, text)
    line = text.encode("unicode_escape").decode("ascii")
    return line if len(line) <= _VALUE_LENGTH_MAX else line[:_VALUE_LENGTH_MAX] + "..."


_ABSENT = object()

_LIMITS = {
    "missing": "is required",
    "extra_forbidden": "is not a known key",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "string_type": "must be a string",
    "path_type": "must be a string",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "too_long": "must have at most {max_length} elements",
    "bool_type": "must be true or false",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "value_error": "{error}",
}
_PROVIDER_LIMIT = "must be 1 to 32 of a-z 0-9 _ -, beginning with a letter"
_PATTERN_LIMITS = {
    "device": "must be a PCI address, mac:ADDRESS, nic:N or a DPDK vdev; 1 to 255 printable "
    "characters without spaces",
    "name": "must be 1 to 63 of a-z A-Z 0-9 . _ -, beginning with a letter or digit",
    "allow_hosts": "must be a host's name or address, 1 to 255 printable characters",
    "labels": "must be 1 to 63 of a-z A-Z 0-9 . _ / -, beginning with a letter or digit",
    "provider": _PROVIDER_LIMIT,
    "providers": _PROVIDER_LIMIT,
    "url": "must be http://HOST:PORT or https://HOST:PORT",
    "user": "must be a user name: a lower-case letter, then up to 31 of a-z 0-9 _ -",
}


def _problem(error: ErrorDetails, model: type[BaseModel]) -> Problem:
    """Pydantic's error in other words; an unknown kind keeps pydantic's text."""
    kind, location = error["type"], error["loc"]
    value = _ABSENT if kind in {"missing", "model_type"} else error["input"]
    if kind == "string_pattern_mismatch":
        named = (str(part) for part in reversed(location) if part in _PATTERN_LIMITS)
        name = next(named, None)
        return _key(location), value, error["msg"] if name is None else _PATTERN_LIMITS[name]
    limit = _LIMITS.get(kind)
    text = error["msg"] if limit is None else limit.format(**error.get("ctx", {}))
    if kind == "extra_forbidden":
        text += instead_of(location[-1], fields_beside(model, location))
    return _key(location), value, text


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key
