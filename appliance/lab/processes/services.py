"""The processes of a lab node: which user, which capabilities, which namespace, which command.

Those of the product are confined as their systemd units confine them. nginx is the origin, not
part of the product.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.lab.fleet import orchestrator as orchestrators
from appliance.lab.fleet import scaled
from appliance.lab.instance import MARK, Instance
from appliance.lab.network import NETNS
from appliance.lab.processes.launcher import Specification

TREE = Path(__file__).resolve().parents[3]
"""The directory of the packages: the source tree, or site-packages."""
ENVIRONMENT = Path(sys.prefix)
KEY_VARIABLE = "MANAGEMENT_API_KEY"
ORCHESTRATOR_KEY_VARIABLE = "ORCHESTRATOR_API_KEY"
COOKIE_VARIABLE = "SYN_COOKIE_SECRET"


@dataclass(frozen=True)
class Service:
    """One supervised process."""

    name: str
    specification: Specification
    notifies: bool = True
    """The process uses sd_notify; otherwise it counts as ready when it runs."""
    watchdog_s: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    gives_way: bool = False
    """The process's packet workers have a lower priority: see
    `appliance.lab.processes.niceness`."""

    @property
    def user(self) -> str | None:
        """The user of the process."""
        return self.specification.user


def services(
    instance: Instance, nginx_configuration: Path, devices: str, *, gives_way: bool = False
) -> list[Service]:
    """All processes of the instance, in the order in which they are started."""
    return [
        _origin(instance, nginx_configuration),
        _product(
            instance,
            "dataplane",
            user="secbeat-dp",
            groups=("secbeat-dp", "secbeat"),
            capabilities=_dataplane_capabilities(devices),
            namespace=str(NETNS / instance.namespaces.node),
            environment=_passed_on(COOKIE_VARIABLE),
            gives_way=gives_way,
        ),
        _product(instance, "api", user="secbeat", environment=_passed_on(KEY_VARIABLE)),
        _product(instance, "agent", user="secbeat"),
    ]


def orchestrator(instance: Instance) -> Service:
    """The lab's own orchestrator."""
    return _product(
        instance,
        "orchestrator",
        user="secbeat",
        environment=_passed_on(ORCHESTRATOR_KEY_VARIABLE),
        config=orchestrators.config_file(instance),
    )


def provisioner(instance: Instance) -> Service:
    """The provisioner: it runs as root and on the host, where `lab down` finds its nodes."""
    return Service(
        name="provisioner",
        environment={**_environment(instance), "PYTHONDONTWRITEBYTECODE": "1"},
        specification=Specification(
            command=(
                *(sys.executable, "-m", "appliance.cli.processes", "provisioner"),
                *("--config", str(scaled.provisioner_file(instance))),
            ),
            directory=str(TREE),
            parent=os.getpid(),
            is_confined=False,
        ),
    )


def _passed_on(variable: str) -> dict[str, str]:
    """A secret from the caller's environment, if it is there."""
    return {variable: os.environ[variable]} if os.environ.get(variable) else {}


def _origin(instance: Instance, configuration: Path) -> Service:
    return Service(
        name="nginx",
        notifies=False,
        environment=_environment(instance),
        specification=Specification(
            command=("nginx", "-e", "stderr", "-c", str(configuration)),
            directory="/",
            parent=os.getpid(),
            user="www-data",
            capabilities=("net_bind_service",),
            namespace=str(NETNS / instance.namespaces.origin),
        ),
    )


def _product(
    instance: Instance,
    name: str,
    *,
    user: str,
    groups: tuple[str, ...] = (),
    capabilities: tuple[str, ...] = (),
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
    gives_way: bool = False,
) -> Service:
    python, binds = visible(instance.tree, instance.venv)
    return Service(
        name=name,
        watchdog_s=30.0,
        gives_way=gives_way,
        environment={
            **_environment(instance),
            "PYTHONPATH": str(instance.tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_RUNTIME_DIR": str(instance.run_dir),
            **(environment or {}),
        },
        specification=Specification(
            command=(
                *(str(python), "-m", "appliance.cli.processes", name),
                *("--config", str(config or instance.config_file)),
            ),
            directory=str(instance.tree),
            parent=os.getpid(),
            user=user,
            groups=groups,
            capabilities=capabilities,
            namespace=namespace,
            binds=binds,
        ),
    )


def visible(tree: Path, venv: Path) -> tuple[Path, tuple[tuple[str, str], ...]]:
    """The interpreter as the processes see it, and the mounts that make the source tree visible at
    ``tree`` and, if it lies elsewhere, the Python environment at ``venv``.
    """
    mounts = ((str(TREE), str(tree)),)
    interpreter = Path("bin") / Path(sys.executable).name
    if ENVIRONMENT.is_relative_to(TREE):
        return tree / ENVIRONMENT.relative_to(TREE) / interpreter, mounts
    if sys.prefix == sys.base_prefix:
        return Path(sys.executable), mounts
    return venv / interpreter, (*mounts, (str(ENVIRONMENT), str(venv)))


def _dataplane_capabilities(devices: str) -> tuple[str, ...]:
    """The capabilities of the data plane: raw sockets; promiscuous mode and MTU; locked memory.
    af_xdp also loads a program."""
    wanted = ("net_raw", "net_admin", "ipc_lock")
    return (*wanted, "bpf", "sys_admin") if "af_xdp" in devices else wanted


def _environment(instance: Instance) -> dict[str, str]:
    """The environment of a process: nothing from the caller's environment except named
    variables."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        MARK: instance.name,
    }
