"""What a process never uses is not imported into it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dataplane.base.lean import import_without


def test_an_agent_has_no_rich() -> None:
    code = "import sys, api.agent.process; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_process_of_an_import_has_no_sqlalchemy() -> None:
    code = (
        "import sys, api.management.lists.importing.program; sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_optional_module_can_be_imported_afterwards() -> None:
    code = (
        "import sys; from dataplane.base.lean import import_without\n"
        "import_without('rich', module='structlog')\n"
        "assert 'structlog' in sys.modules\n"
        "import rich.console"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_imported_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    there = object()
    monkeypatch.setitem(sys.modules, "optional", there)
    import_without("optional", module="no_such_module")
    assert sys.modules["optional"] is there
