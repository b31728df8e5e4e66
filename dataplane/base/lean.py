"""Imports third-party modules without their optional dependencies."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast


def import_without(optional: str, *, module: str) -> None:
    """Import ``module`` as if ``optional`` were not installed.

    Does nothing if one of them is imported already.
    """
    if optional in sys.modules or module in sys.modules:
        return
    modules = cast("dict[str, object]", sys.modules)
    modules[optional] = None  # makes an import of it raise ImportError
    try:
        import_module(module)
    finally:
        del modules[optional]
