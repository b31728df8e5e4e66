"""What of a lab's network belongs to everybody on the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.lab import network


@pytest.mark.parametrize("is_made", [True, False])
def test_a_mount_that_somebody_else_uses_or_removes_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    place = tmp_path / "netns"
    place.mkdir()

    def unmount(*_command: str) -> bool:
        if is_made:
            (place / "other").touch()
        else:
            place.rmdir()
        return False

    monkeypatch.setattr(network, "NETNS", place)
    monkeypatch.setattr(network, "try_run", unmount)
    network.remove_mount()
    assert place.exists() == is_made
