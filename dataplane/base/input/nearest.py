"""Suggests a known name that is similar to an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, RootModel

LIKE = 0.6
"""Minimum similarity of two names, 0 to 1; difflib's default."""

_Models = list[type[BaseModel]]


def instead_of(value: object, known: Iterable[str]) -> str:
    """The end of a message that refuses a name; empty if no known name is similar."""
    near = difflib.get_close_matches(str(value), list(known), 1, LIKE)
    return f"; did you mean {near[0]!r}?" if near else ""


def fields_beside(
    model: type[BaseModel],
    location: tuple[int | str, ...],
    tags: Mapping[str, type[BaseModel]] | None = None,
) -> list[str]:
    """The fields of the model in which pydantic found an unknown field.

    Args:
        model: the validated model.
        location: of pydantic's error; its last part is the unknown field.
        tags: what pydantic appends to the location of a model that it chose by its tag.
    """
    models = _models_in(model)
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        chosen = (tags or {}).get(part)
        if chosen in models:
            models = [chosen] if chosen else []
            continue
        fields = [each.model_fields[part] for each in models if part in each.model_fields]
        if fields:  # else a tag of a union
            models = [one for field in fields for one in _models_in(field.annotation)]
    return [name for each in models for name in each.model_fields]


def _models_in(annotation: Any) -> _Models:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if issubclass(annotation, RootModel):
            return _models_in(annotation.model_fields["root"].annotation)
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
