"""Looks at hosts that `site.yml` has made, over their own ssh: run by `playbooks/verify.yml`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

SECBEAT = "/opt/secbeat/bin/secbeat"


@pytest.fixture
def secbeat(host: Any) -> Callable[..., Any]:
    """What the command on that host says, as JSON; whatever its exit code is."""

    def ask(*words: str) -> Any:
        return json.loads(host.run(" ".join((SECBEAT, *words, "--json"))).stdout)

    return ask
