"""The OpenAPI 3.1 document, generated from the routed operations, so that it always
matches them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import DictSchema

from api.common.contract.operations import JSON, Operation
from api.common.contract.problems import MEDIA_TYPE, phrase
from api.common.contract.roles import KEY_HEADER
from api.common.contract.schemas import Problem

_REF = "#/components/schemas/{model}"
_HEADER = {"schema": {"type": "string"}}
_ALWAYS = {"schema": {"type": "string"}, "required": True}
_RETRY_AFTER = {"schema": {"type": "integer", "minimum": 1}, "description": "seconds"}
_ERROR_HEADERS: dict[int, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": _ALWAYS},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": _ALWAYS},
    HTTPStatus.CONFLICT: {"Retry-After": _RETRY_AFTER},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": {**_RETRY_AFTER, "required": True}},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": {**_RETRY_AFTER, "required": True}},
}
_OF_THE_SERVER = {400, 405, 408, 414, 431, 500, 501}
"""Errors of any request, whatever its operation: an invalid, long or late head, or an internal
error."""


def build(
    title: str,
    version: str,
    prefix: str,
    operations: Sequence[Operation],
    path_parameters: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """The document; ``path_parameters`` has schema and description by name."""
    schemas, definitions = _schemas(operations)
    statuses = sorted({status for each in operations for status in _error_statuses(each)})
    paths: dict[str, Any] = {}
    for operation in operations:
        entry = _operation(operation, schemas)
        for name in _names(operation.path):
            parameter = {"name": name, "in": "path", "required": True, **path_parameters[name]}
            entry.setdefault("parameters", []).insert(0, parameter)
        paths.setdefault(prefix + operation.path, {})[operation.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": {_error_name(each): _error(each, schemas[Problem]) for each in statuses},
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER}},
        },
    }


class _Generator(GenerateJsonSchema):
    """Makes schemas in which an object whose field names have a pattern excludes other names."""

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        """Adds the types of all values: generated clients need this keyword."""
        found = super().dict_schema(schema)
        for pattern, values in found.pop("patternProperties", {}).items():
            found["propertyNames"] = {**found.get("propertyNames", {}), "pattern": pattern}
            found["additionalProperties"] = values
        return found


Schemas = tuple[dict[type[BaseModel], dict[str, Any]], dict[str, Any]]
"""Schema by model, and the definitions that they refer to."""


def _schemas(operations: Sequence[Operation]) -> Schemas:
    bodies = {each.body for each in operations if each.body}
    answers = {model for each in operations for model in each.answers.values() if model}
    return _described(frozenset(bodies), frozenset(answers | {Problem}))


@cache  # the most expensive step of making an application; the document refers to it unchanged
def _described(bodies: frozenset[type[BaseModel]], answers: frozenset[type[BaseModel]]) -> Schemas:
    wanted: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in bodies]
    wanted += [(model, "serialization") for model in answers]
    wanted.sort(key=lambda pair: (pair[0].__name__, pair[1]))
    found, rest = models_json_schema(wanted, ref_template=_REF, schema_generator=_Generator)
    by_model = {cast("type[BaseModel]", model): schema for (model, _), schema in found.items()}
    return by_model, rest["$defs"]


def _operation(operation: Operation, schemas: dict[type[BaseModel], Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "x-secbeat-role": str(operation.role) if operation.role else None,
        "security": [{"ApiKey": []}] if operation.role else [],
        "responses": _responses(operation, schemas),
    }
    parameters = _query_parameters(operation)
    if operation.idempotent:
        parameters.append(_idempotency_parameter())
    if operation.resumes:
        parameters.append(_last_event_parameter())
    if operation.etag:
        parameters.append(_condition_parameter())
    if parameters:
        entry["parameters"] = parameters
    if operation.body:
        entry["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": schemas[operation.body]}},
        }
    if operation.uploads:
        content = {media: {"schema": {"type": "string"}} for media in operation.uploads}
        entry["requestBody"] = {"required": True, "content": content}
    return entry


def _responses(operation: Operation, schemas: dict[type[BaseModel], Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in sorted(operation.answers.items()):
        answer: dict[str, Any] = {"description": phrase(status), "headers": {}}
        answer["headers"]["X-Request-ID"] = _ALWAYS
        if status in (HTTPStatus.ACCEPTED, HTTPStatus.CREATED):
            answer["headers"]["Location"] = _HEADER
        if model is not None:
            answer["content"] = {operation.media: {"schema": schemas[model]}}
        elif operation.media != JSON:
            answer["content"] = {operation.media: {"schema": {"type": "string"}}}
        responses[str(status)] = answer
        if operation.etag:
            answer["headers"]["ETag"] = _ALWAYS
    for status in _error_statuses(operation):
        responses[str(status)] = {"$ref": f"#/components/responses/{_error_name(status)}"}
    if operation.etag:
        headers = {"X-Request-ID": _ALWAYS, "ETag": _ALWAYS}
        responses["304"] = {"description": "Not Modified", "headers": headers}
    return responses


def _error_name(status: int) -> str:
    return phrase(status).replace(" ", "").replace("-", "")


def _error(status: int, problem: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": phrase(status),
        "headers": {"X-Request-ID": _ALWAYS, **_ERROR_HEADERS.get(status, {})},
        "content": {MEDIA_TYPE: {"schema": problem}},
    }


def _error_statuses(operation: Operation) -> list[int]:
    """The statuses that an operation declares, and those that follow from its declaration."""
    statuses = set(operation.errors) | _OF_THE_SERVER | {422}
    if operation.role is not None:  # the key is looked up in the database
        statuses.add(503)
    if operation.role:
        statuses |= {401, 403, 429}
    if operation.body or operation.uploads:
        statuses |= {413, 415, 503}
    if operation.idempotent:
        statuses |= {409, 422}
    return sorted(statuses)


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _plain(each)}
        for name, each in schema.get("properties", {}).items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A missing parameter has no value, so null is not one of its values."""
    options = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    plain = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    if schema.get("default") is not None:
        plain["default"] = schema["default"]
    return plain | options[0] if options else plain


def _idempotency_parameter() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "kept 24 hours: the same request again gets the same answer",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }


def _condition_parameter() -> dict[str, Any]:
    return {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "the ETag that the client has: 304 if it is still that",
        "schema": {"type": "string"},
    }


def _last_event_parameter() -> dict[str, Any]:
    return {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "the sequence number of the last event that the client has; 0: none; "
        "empty: from now on",
        "schema": {"type": "string", "pattern": "^[0-9]{0,18}$"},
    }


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
