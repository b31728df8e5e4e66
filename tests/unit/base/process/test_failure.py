"""What a start that failed leaves for those who can't read the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.cli import processes
from dataplane.base.process import failure


def test_what_was_noted_is_read_on_one_line_until_a_start_succeeds(tmp_path: Path) -> None:
    assert failure.noted(tmp_path) is None
    failure.note(tmp_path, "first")
    failure.note(tmp_path, "a\nb\x1b[2J")
    assert failure.noted(tmp_path) == "a; b?[2J"
    assert [path.name for path in tmp_path.iterdir()] == ["dataplane.failed"]
    failure.forget(tmp_path)
    failure.forget(tmp_path)
    assert failure.noted(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_of_somebody_else_breaks_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "dataplane.failed").write_bytes(content)
    assert (failure.noted(tmp_path) or "?").isprintable()


def test_it_is_bounded_and_a_directory_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    failure.note(tmp_path, "x" * 100_000)
    assert len(failure.noted(tmp_path) or "") == 4096
    failure.note(tmp_path / "none", "x")
    assert failure.noted(tmp_path / "none") is None


def test_a_data_plane_that_can_not_start_notes_why_beside_its_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secbeat.toml"
    file.write_text(
        f'[node]\nrun_dir = "{tmp_path}"\nnics_dir = "{tmp_path}"\n'
        '[ports.outside]\ndevice = "nic:1"\n[ports.inside]\ndevice = "nic:2"\n'
    )
    assert processes.dataplane(["--config", str(file)]) == 78
    said = failure.noted(tmp_path)
    assert said is not None
    assert said.startswith('ports.outside.device = "nic:1": ')
    assert capsys.readouterr().err == f"secbeat-dataplane: {said}\n"
