"""Entry points: they read the configuration, and say what is wrong in a line with its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import processes

PROCESSES = {
    "dataplane": processes.dataplane,
    "api": processes.api,
    "agent": processes.agent,
}


@pytest.mark.parametrize("name", PROCESSES)
def test_bad_configuration_is_a_line_and_exit_78(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secbeat.toml"
    file.write_text("[ports]\n")
    assert PROCESSES[name](["--config", str(file)]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"secbeat-{name}: {file}: ports.outside: is required",
        f"secbeat-{name}: {file}: ports.inside: is required",
    ]


def test_module_runs_a_process_by_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "appliance.cli.processes", "agent"]
    command += ["--config", str(tmp_path / "none.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert done.stderr.startswith("secbeat-agent: ")
    assert "Traceback" not in done.stderr


def test_unknown_process_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as caught:
        processes.main(["nothing"])
    assert caught.value.code == 2


def test_the_packet_path_loads_nothing_that_validates() -> None:
    """13 MB of a process that is to stay below 128: its settings are read by a child."""
    code = "import sys, appliance.cli.processes, dataplane.run.process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "dataplane.run.process" in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.startswith("pydantic")]
