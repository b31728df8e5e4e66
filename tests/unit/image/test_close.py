"""What is taken out of a disk when it is closed."""

from __future__ import annotations

from pathlib import Path

from appliance.image.steps.close import clean


def put(root: Path, name: str, content: str = "x") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def test_logs_go_and_their_folders_stay(tmp_path: Path) -> None:
    put(tmp_path, "etc/machine-id")
    gone = [put(tmp_path, f"var/log/{name}") for name in ("dpkg.log", "apt/term.log")]
    journal = put(tmp_path, "var/log/journal/0123abc/system.journal")

    clean(tmp_path)

    assert not any(file.exists() for file in (*gone, journal.parent))
    assert (tmp_path / "var/log/apt").is_dir()
    assert (tmp_path / "var/log/journal").is_dir()


def test_what_a_machine_makes_for_itself_goes(tmp_path: Path) -> None:
    put(tmp_path, "etc/machine-id", "0123")
    names = (
        "var/lib/secbeat/node-id",
        "etc/secbeat/tls/key.pem",
        "var/lib/systemd/random-seed",
        "root/.ssh/authorized_keys",
        "var/lib/cloud/instance/id",
    )
    files = [put(tmp_path, name) for name in names]

    clean(tmp_path)

    assert not any(file.exists() for file in files)
    assert (tmp_path / "etc/machine-id").read_text() == ""
    assert (tmp_path / "var/lib/secbeat").is_dir()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "etc/machine-id")
    outside = put(tmp_path, "outside/file")
    (root / "tmp").mkdir()
    (root / "tmp" / "link").symlink_to(outside.parent)

    clean(root)

    assert outside.exists()
    assert not list((root / "tmp").iterdir())
