"""Commands in messages, in the form in which the user can enter them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from appliance.lab.instance import DEFAULT, Instance


def as_root() -> str:
    """``sudo`` and a space for a user without root, else nothing."""
    return "sudo " if os.geteuid() != 0 or "SUDO_USER" in os.environ else ""


def secbeat() -> str:
    """The ``secbeat`` command, as root; relative in the source tree, where no PATH finds it."""
    command = Path(sys.prefix) / "bin" / "secbeat"
    try:
        return f"{as_root()}{command.relative_to(Path.cwd())}"
    except ValueError:
        return f"{as_root()}{command if command.exists() else 'secbeat'}"


def stop(instance: Instance) -> str:
    """The command that ends an instance and cleans what it left."""
    option = "" if instance.name == DEFAULT else f" --instance {instance.name}"
    return f"{secbeat()} lab down{option}"
