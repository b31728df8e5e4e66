"""Imports of third-party modules without the optional ones that they take where they find them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast


def import_without(optional: str, *, module: str) -> None:
    """Import ``module`` while ``optional`` seems not to be installed.

    Does nothing when one of them is imported already.
    """
    if optional in sys.modules or module in sys.modules:
        return
    modules = cast("dict[str, object]", sys.modules)
    modules[optional] = None  # an import of it raises ImportError
    try:
        import_module(module)
    finally:
        del modules[optional]
