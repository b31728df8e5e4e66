"""Looks at hosts that `site.yml` has made, over their own ssh: run by `playbooks/verify.yml`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.image.support import inside

ENVIRONMENT = "/opt/secbeat"
SECBEAT = f"{ENVIRONMENT}/bin/secbeat"


@pytest.fixture
def secbeat(host: Any) -> Callable[..., Any]:
    """What the command on that host says, as JSON; whatever its exit code is."""

    def ask(*words: str) -> Any:
        return json.loads(host.run(" ".join((SECBEAT, *words, "--json"))).stdout)

    return ask


@pytest.fixture
def old_processes(host: Any) -> Callable[..., set[str]]:
    """Which of the units run a release that is not the installed one."""

    def ask(*units: str) -> set[str]:
        return inside.on_removed_files(host, units, ENVIRONMENT)

    return ask


@pytest.fixture
def unapplied(host: Any) -> Callable[[str], list[str]]:
    """Topics whose changes a run on the group may not have applied; a run that ends leaves none."""

    def ask(group: str) -> list[str]:
        file = f"/run/secbeat-restarts/{group}.json"
        if not host.file(file).exists:
            return []
        return sorted(json.loads(host.check_output(f"cat {file}")))

    return ask
