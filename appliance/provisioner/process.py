"""Composes the provisioner and runs it until SIGTERM."""

from __future__ import annotations

import logging
import os
import pwd
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from appliance.provisioner.command import Carrier, Provider
from appliance.provisioner.configuration import ProvisionerConfig
from appliance.provisioner.playbook import FOLDER, ROOT
from appliance.provisioner.server import Server
from dataplane.base.errors import ConfigurationError
from dataplane.base.process.notify import Notifier

log = logging.getLogger("provisioner")


def run(config: ProvisionerConfig) -> int:
    """Answer until SIGTERM; returns the exit code. Raises `ConfigurationError`."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if find_spec("ansible_runner") is None:
        raise ConfigurationError("ansible-runner is not installed: it is of the extra 'scale'")
    user = _user(config.user)
    server = Server(config.socket, providers(config), {0, os.geteuid(), user.pw_uid})
    if os.geteuid() == 0:
        os.chown(config.socket, -1, user.pw_gid)  # a process needs no capability for its own group

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.close).start()  # a signal handler must not block

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with Notifier(os.environ, os.getpid()) as notifier:
        notifier.ready()
        log.info("ready on %s: %s", config.socket, ", ".join(config.providers) or "no provider")
        server.serve()
    server.close()
    return 0


def providers(config: ProvisionerConfig) -> dict[str, Provider]:
    """The providers, by name."""
    runs = config.socket.parent / "runs"
    return {
        name: Provider(
            name,
            section.command,
            section.directory,
            section.timeout_seconds,
            carrier(section.playbook, section.directory, runs),
        )
        for name, section in config.providers.items()
    }


def carrier(playbook: Path, directory: Path, scratch: Path) -> Carrier:
    """Runs a playbook, which runs the provider in the directory; ``scratch``: on tmpfs."""
    options = {
        "--playbook": playbook,
        "--roles": FOLDER / "roles",
        "--directory": directory,
        "--scratch": scratch,
    }
    words = (str(word) for option in options.items() for word in option)
    module = "appliance.provisioner.playbook"
    return Carrier((sys.executable, "-B", "-m", module, *words, "--"), ROOT)


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise ConfigurationError(f"there is no user {name!r}") from None
