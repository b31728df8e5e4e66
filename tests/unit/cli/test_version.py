"""``secbeat version``."""

from __future__ import annotations

import json
from typing import Any


def test_version(secbeat: Any) -> None:
    done = secbeat("version", "--json")
    assert json.loads(done.out)["version"] == secbeat("--version").out.strip()
