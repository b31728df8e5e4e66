"""An API on the connection that a node uses, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from api.management.app import create_app, node_of
from api.management.connection import Connection
from api.management.settings import ApiSettings
from tests.api.conftest import Api
from tests.support.clock import FakeClock


class RealApi(Api):
    """As `Api`, on the connection that a node uses."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.connection = Connection(settings.socket)
        self.app = create_app(settings, self.connection)
        self.node = node_of(self.app)
        self.client = self.app.test_client()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def is_ready(api: Api) -> bool:
    return bool(api.get("/health/ready").status_code == 200)


def state_of(api: Api, revision: int) -> str:
    return str(api.get(f"/revisions/{revision}").json["state"])
