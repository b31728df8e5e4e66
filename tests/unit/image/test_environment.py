"""What is done in a disk before Packer boots it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from appliance.image.steps.machine import environment_command

TREE = Path(__file__).parents[3]


def test_the_environment_is_stamped_as_the_role_expects_it(tmp_path: Path) -> None:
    requirements = "flask==3.1.0 \\\n    --hash=sha256:aa\n"
    (tmp_path / "requirements.txt").write_text(requirements)
    values = TREE / "playbooks/roles/release/vars/main.yml"

    shown = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "adhoc", "localhost", "-c", "local"),
            *("-i", "localhost,", "-m", "debug", "-a", "var=secbeat_release_stamp"),
            *("-e", f"@{values}", "-e", f"secbeat_release_wheelhouse={tmp_path}"),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    ).stdout
    expected = json.loads(shown.partition("=>")[2])["secbeat_release_stamp"]

    assert environment_command(requirements)[-1] == expected
    assert environment_command(requirements)[-2] == str(Path(expected).parent)


def test_the_roles_script_is_there() -> None:
    assert (TREE / "playbooks/roles/release/files/environment.sh").exists()
