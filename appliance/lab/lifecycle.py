"""A lab instance from start to end: the functions behind ``lab up`` and ``lab down``."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config import NodeConfig
from appliance.config.load import parse_config
from appliance.lab import advice, cleanup, configuration, network, nginx, preflight, status
from appliance.lab.claim import Claim, claim_new, supervisor_pid, try_claim
from appliance.lab.commands import LabError
from appliance.lab.fleet import orchestrator, scaled
from appliance.lab.instance import Instance
from appliance.lab.processes import services
from appliance.lab.processes.health import START_TIMEOUT_S, Health
from appliance.lab.processes.notify import NotifySocket
from appliance.lab.processes.supervisor import Supervisor
from appliance.lab.processes.unit import Unit

DOWN_TIMEOUT_S = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """The options of the user."""

    instance: Instance
    mode: str | None = None
    config_file: Path | None = None
    has_orchestrator: bool = False
    """The node follows an orchestrator of the lab, unless its configuration names another."""
    gives_way: bool = False
    """The node's packet workers have a lower priority than everything else on the machine."""


def up(wish: Wish, say: Say, healthy: Callable[[status.Document], None]) -> None:
    """Run an instance until a stop signal; then remove everything of it.

    After a failure its processes and its network are removed, and its files stay until `down`: no
    state is lost because a process could not start, or because the supervisor failed.

    Args:
        wish: the instance and its options.
        say: called with each step.
        healthy: called once, with the status, when the node is healthy.

    Raises:
        LabError: something is missing, or the node does not become healthy.
    """
    preflight.require_root("the lab")
    tables = configuration.compose(
        wish.instance, wish.mode, wish.config_file, has_orchestrator=wish.has_orchestrator
    )
    config = parse_config(tables, wish.config_file or wish.instance.config_file)
    claim = claim_new(wish.instance)
    with Supervisor() as supervisor:
        supervisor.say = say
        try:
            preflight.check(wish.instance, config)
        except BaseException:
            # Existing namespaces belong to others and are not removed.
            shutil.rmtree(wish.instance.directory, ignore_errors=True)
            claim.release()
            raise
        try:
            _run(wish, tables, config, supervisor, healthy)
        except KeyboardInterrupt:
            say("interrupted")
        except (LabError, OSError) as error:
            _fail(wish.instance, supervisor, claim)
            raise _with_remedy(error, wish.instance) from error
        except BaseException:
            _fail(wish.instance, supervisor, claim)
            raise
        _end(wish.instance, supervisor, claim, say)


def down(instance: Instance, say: Say) -> bool:
    """Stop an instance, or remove what a crash has left of it; returns whether there was
    anything."""
    preflight.require_root("the lab")
    try:
        claim = try_claim(instance)
    except FileNotFoundError:
        if not network.existing(instance.namespaces) and not cleanup.processes(instance):
            return False
        claim = Claim(-1)
    if claim is None:
        say(f"stopping lab {instance.name!r}")
        claim = _stop_supervisor(instance)
    else:
        say(f"cleaning what lab {instance.name!r} has left")
    _end_nodes(instance, say)
    cleanup.clean(instance)
    claim.release()
    return True


def _run(
    wish: Wish,
    tables: dict[str, Any],
    config: NodeConfig,
    supervisor: Supervisor,
    healthy: Callable[[status.Document], None],
) -> None:
    instance = wish.instance
    fixed = status.describe(instance, config)
    status.publish(instance, fixed, "starting", [])
    supervisor.say(f"network: {' <-> '.join(instance.namespaces.all())}")
    network.build(instance.namespaces)
    units = prepare(wish, tables, config)
    supervisor.changed = lambda: status.publish(instance, fixed, "starting", units)
    supervisor.say(f"processes: {', '.join(unit.name for unit in units)}")
    supervisor.start(units)
    apis = [config.api.bind[0]]
    if orchestrator.is_own(instance, config):
        apis.append(instance.binds(orchestrator.PORT)[0])
    health = Health(units, apis, time.monotonic() + START_TIMEOUT_S)
    if not supervisor.run(until=lambda: health.reached(time.monotonic())):
        return
    supervisor.changed = lambda: status.publish(instance, fixed, "up", units)
    supervisor.tell()
    healthy(status.read(instance))
    supervisor.run()
    supervisor.changed = lambda: status.publish(instance, fixed, "stopping", units)
    supervisor.tell()


def prepare(wish: Wish, tables: dict[str, Any], config: NodeConfig) -> list[Unit]:
    """Lay out the instance's directory; returns its processes, not started."""
    instance = wish.instance
    _directories(instance)
    configuration.write(instance, tables, wish.config_file)
    site = nginx.prepare(instance, instance.directory / "nginx")
    devices = f"{config.ports.outside.device} {config.ports.inside.device}"
    wanted = services.services(instance, site, devices, gives_way=wish.gives_way)
    if orchestrator.is_own(instance, config):
        configuration.write_orchestrator(instance)
        configuration.write_provisioner(instance, sys.executable, services.TREE)
        wanted += [services.provisioner(instance), services.orchestrator(instance)]
    return [_unit(instance, service) for service in wanted]


def _directories(instance: Instance) -> None:
    for path in (instance.logs, instance.notify_dir, instance.tree, instance.venv):
        path.mkdir(mode=0o755)
    # A file made in a directory with the set-group-id bit belongs to the directory's group: so the
    # data plane may read the files of the API, and the API may use the data plane's socket.
    for name, user, group, mode in (
        ("api", "secbeat", "secbeat", 0o700),
        ("agent", "secbeat", "secbeat", 0o700),
        ("run-agent", "secbeat", "secbeat", 0o700),
        ("keys", "secbeat", "secbeat", 0o700),
        ("orchestrator", "secbeat", "secbeat", 0o700),
        ("run-provisioner", "root", "secbeat", 0o750),
        ("rules", "secbeat-dp", "secbeat-dp", 0o700),
        ("state", "secbeat", "secbeat-dp", 0o2750),
        ("run", "secbeat-dp", "secbeat", 0o2750),
        ("nginx", "www-data", "www-data", 0o755),
    ):
        path = instance.directory / name
        path.mkdir()
        shutil.chown(path, user, group)
        path.chmod(mode)
    instance.node_id_file.write_text(f"{uuid.uuid4()}\n")
    instance.node_id_file.chmod(0o644)


def _unit(instance: Instance, service: services.Service) -> Unit:
    notify = NotifySocket(instance.notify_dir / f"{service.name}.sock", service.user)
    return Unit(service, instance.logs / f"{service.name}.log", notify)


def _end(instance: Instance, supervisor: Supervisor, claim: Claim, say: Say) -> None:
    supervisor.shut_down()
    _end_nodes(instance, say)
    cleanup.clean(instance)
    claim.release()
    say("nothing is left behind")


def _end_nodes(instance: Instance, say: Say) -> None:
    """Remove nodes that this lab's orchestrator has created."""
    for node in scaled.nodes(scaled.directory(instance)):
        down(node, say)


def _fail(instance: Instance, supervisor: Supervisor, claim: Claim) -> None:
    supervisor.shut_down()
    cleanup.stop(instance)
    claim.release()


def _with_remedy(error: LabError | OSError, instance: Instance) -> LabError:
    """The error with a list of the leftovers, and the command that removes them."""
    text = str(error)
    if isinstance(error, OSError):
        text = f"{error.filename or instance.directory}: {error.strerror or error}"
    kept = f"its files are kept in {instance.directory}: '{advice.stop(instance)}' removes them"
    return LabError(f"{text}\n{kept}")


def _stop_supervisor(instance: Instance) -> Claim:
    pid = supervisor_pid(instance)
    if pid is None:
        raise LabError(f"{instance.directory} is locked, but nobody says by whom: see 'lsof'")
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(DOWN_TIMEOUT_S * 1000):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                poll.poll(DOWN_TIMEOUT_S * 1000)
        finally:
            os.close(descriptor)
    try:
        claim = try_claim(instance)
    except FileNotFoundError:
        return Claim(-1)
    if claim is None:
        raise LabError(f"the supervisor of lab {instance.name!r} (pid {pid}) does not end")
    return claim
