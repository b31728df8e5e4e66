"""The tree of commands, read once."""

from __future__ import annotations

import pytest

from appliance.cli.reference.tree import Command, read_tree


@pytest.fixture(scope="session")
def tree() -> Command:
    """The root of all commands."""
    return read_tree()
