"""``provisioner.toml`` names commands that run as root: who may write it, and what it may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.provisioner.configuration import load_provisioner
from dataplane.base.errors import ConfigurationError


def test_a_provider_is_a_command_by_its_absolute_path(tmp_path: Path) -> None:
    file = tmp_path / "provisioner.toml"
    file.write_text('[providers.cloud]\ncommand = ["/opt/cloud/provider", "--region", "fra"]\n')
    section = load_provisioner(file).providers["cloud"]
    assert section.command == ("/opt/cloud/provider", "--region", "fra")
    file.write_text('[providers.cloud]\ncommand = ["provider"]\n')
    with pytest.raises(ConfigurationError, match="absolute path"):
        load_provisioner(file)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "provisioner.toml"
    file.write_text("[providers]\n")
    file.chmod(0o664)
    with pytest.raises(ConfigurationError, match="only root may write it"):
        load_provisioner(file)


def test_a_provider_s_name_is_no_path(tmp_path: Path) -> None:
    file = tmp_path / "provisioner.toml"
    file.write_text('[providers."../cloud"]\ncommand = ["/opt/cloud/provider"]\n')
    with pytest.raises(ConfigurationError, match="must be 1 to 32 of a-z"):
        load_provisioner(file)
