"""Composes scaling."""

from __future__ import annotations

import socket

from api.orchestrator.following.service import Following
from api.orchestrator.nodes.registry import Registry
from api.orchestrator.scaling.provisioner import SocketProvisioner
from api.orchestrator.scaling.service import Jobs
from api.orchestrator.scaling.settings import ScalingSettings
from api.orchestrator.scaling.steps import Means
from api.orchestrator.scaling.worker import Worker
from api.storage.database import Database
from dataplane.base.clock import Clock


def compose(
    settings: ScalingSettings,
    database: Database,
    clock: Clock,
    registry: Registry,
    following: Following,
) -> tuple[Jobs, Worker | None]:
    """The service for operators, and the worker that runs jobs; without a provider there is no
    worker."""
    if settings.provider is None:
        return Jobs(database, clock, settings, None), None
    provisioner = SocketProvisioner(settings.socket, settings.provider)
    host = socket.gethostname()
    means = Means(provisioner, settings, registry, following.newest, host)
    worker = Worker(database, clock, means)
    return Jobs(database, clock, settings, provisioner), worker
