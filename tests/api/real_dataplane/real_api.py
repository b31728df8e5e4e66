"""An API on the connection that a node uses, and waiting for it."""

from __future__ import annotations

from api.management.app import create_app, node_of
from api.management.connection import Connection
from api.management.settings import ApiSettings
from tests.api.conftest import Api
from tests.support.clock import FakeClock
from tests.support.waiting import wait_for


class RealApi(Api):
    """As `Api`, on the connection that a node uses."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.connection = Connection(settings.socket)
        self.app = create_app(settings, self.connection)
        self.node = node_of(self.app)
        self.client = self.app.test_client()


def wait_until_ready(api: Api) -> None:
    wait_for(lambda: api.get("/health/ready").status_code == 200, "the API is ready")


def state_of(api: Api, revision: int) -> str:
    return str(api.get(f"/revisions/{revision}").json["state"])


def wait_for_state(api: Api, revision: int, state: str) -> None:
    wait_for(lambda: state_of(api, revision) == state, f"revision {revision} is {state}")
