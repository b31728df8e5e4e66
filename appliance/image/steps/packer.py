"""Runs Packer: finds the program, sets its variables, and uses the work folder for all its files.

Packer boots the base, makes a node of it with ``playbooks/image.yml``, verifies it with
``tests/image/build``, and powers it off. ``packer/`` defines these steps; this module starts them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from appliance.image import inputs
from appliance.image.context import Context
from appliance.image.options import Layout, Options
from appliance.image.progress import step
from appliance.image.system import debian
from appliance.image.system.accelerator import Accelerator

# Debian's last free version; a newer one in PATH is used as it is.
_SUITE = "bookworm"
_PACKAGE = "packer"


@dataclass(frozen=True)
class Job:
    """The input of one run of Packer."""

    disk: Path
    checksum: str
    private_key: Path
    wheelhouse: Path
    accelerator: Accelerator
    output: Path
    serial_log: Path


def find_packer(context: Context) -> Path:
    """The packer in PATH, else Debian 12's, taken out of its package and kept."""
    installed = shutil.which("packer")
    if installed:
        return Path(installed)
    key = inputs.key(context.options.mirror, _SUITE)
    found = context.cache.find("packer", key)
    if not found:
        with step(f"Packer, from Debian's {_SUITE}"):
            found = context.cache.make("packer", key, lambda made: _extract(made, context))
    return found / "packer"


def _extract(made: Path, context: Context) -> None:
    """Download the package with an apt of its own, which checks signatures, and unpack it."""
    apt = made / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "etc"):
        (apt / folder).mkdir(parents=True)
    (apt / "etc/sources.list").write_text(
        f"deb [signed-by={debian.KEYRING}] {context.options.mirror} {_SUITE} main\n"
    )
    (apt / "state/status").touch()
    settings = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "state/status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::SourceList": apt / "etc/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Sandbox::User": "root",
    }
    given = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    context.commands.run("apt-get", *given, "update")
    context.commands.run("apt-get", *given, "download", _PACKAGE, cwd=made)
    package = next(made.glob(f"{_PACKAGE}_*.deb"))
    context.commands.run("dpkg-deb", "--extract", package, made / "tree")
    shutil.copy2(made / "tree/usr/bin/packer", made / "packer")
    for leftover in (apt, made / "tree"):
        shutil.rmtree(leftover)
    package.unlink()


def run_packer(packer: Path, job: Job, context: Context) -> Path:
    """Build; returns the raw disk of the machine that was made, verified and powered off."""
    layout = context.layout
    variables = layout.work / "build.pkrvars.json"
    variables.write_text(json.dumps(packer_variables(job, context.options, layout), indent=1))
    folder = layout.tree / "packer"
    context.commands.run(
        *(packer, "build", "-color=false", "-on-error=cleanup", f"-var-file={variables}", folder),
        env=packer_environment(layout.work),
        cwd=layout.tree,
        show=True,
    )
    return job.output / "secbeat.raw"


def packer_variables(job: Job, options: Options, layout: Layout) -> dict[str, str | int]:
    """Values of ``packer/variables.pkr.hcl``."""
    environment = Path(sys.executable).parent
    return {
        "base_image": str(job.disk),
        "base_checksum": job.checksum,
        "output_directory": str(job.output),
        "accelerator": job.accelerator.name,
        "cpu_model": job.accelerator.cpu,
        "cpus": options.cpus,
        "memory_mib": options.memory_mib,
        "private_key": str(job.private_key),
        "serial_log": str(job.serial_log),
        "wheelhouse": str(job.wheelhouse),
        "ansible_playbook": str(environment / "ansible-playbook"),
        "python": sys.executable,
        "tree": str(layout.tree),
    }


def packer_environment(work: Path) -> dict[str, str]:
    """Variables that direct all files of Packer and Ansible to the work folder.

    The plugins of a current Packer stay where `packer init` has put them.
    """
    home = work / "packer-home"
    home.mkdir(exist_ok=True)
    plugins = os.environ.get("PACKER_PLUGIN_PATH", str(Path.home() / ".config/packer/plugins"))
    return {
        "PACKER_PLUGIN_PATH": plugins,
        "HOME": str(home),
        "TMPDIR": str(home),
        "PACKER_CACHE_DIR": str(home / "cache"),
        "PACKER_CONFIG_DIR": str(home / "config"),
        "CHECKPOINT_DISABLE": "1",
        "ANSIBLE_HOME": str(home / "ansible"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
