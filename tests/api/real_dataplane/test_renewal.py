"""A state log that was changed, or is of an old format, is renewed from the database."""

from __future__ import annotations

import pytest

from api.management.settings import ApiSettings
from dataplane.base.networks import Network
from tests.api.conftest import Api
from tests.api.real_dataplane.real_api import RealApi, state_of, wait_for_state, wait_until_ready
from tests.support.documents.old_state_log import make_format_1
from tests.support.servers.dataplane import spawn
from tests.support.waiting import wait_for

BANS = [f"192.0.2.{number}" for number in (1, 2, 3)]
WRONG = "192.0.2.7"


def damage(settings: ApiSettings) -> None:
    """Another valid address in the live log's second ban; it is still JSON."""
    log = max(settings.state_log.glob("*.log.ndjson"))
    whole = log.read_bytes()
    assert BANS[1].encode() in whole
    log.write_bytes(whole.replace(BANS[1].encode(), WRONG.encode()))


def mended(api: RealApi) -> bool:
    """Turns of the housekeeping until the data plane enforces what the database says."""
    api.node.housekeeper.turn()
    status = api.get("/status").json
    if status["health"] != "healthy":
        return False
    found = api.connection.hits([("blacklist", Network.parse(ip)) for ip in (*BANS, WRONG)])
    assert sorted(str(network) for _, network in found) in ([], BANS)
    return len(found) == len(BANS)


def renewals(api: Api) -> int:
    return sum(row["action"] == "state_log.renew" for row in api.get("/audit").json["audit"])


def test_a_changed_log_is_renewed_when_the_data_plane_alone_restarts(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        real.node.housekeeper.turn()
        for ip in BANS:
            assert real.ban(ip).status_code == 201
        damage(real.settings)
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        status = real.get("/status").json
        assert (status["health"], status["reasons"]) == ("degraded", ["state_log"])
        found = real.connection.hits([("blacklist", Network.parse(ip)) for ip in (*BANS, WRONG)])
        assert [str(network) for _, network in found] == BANS[:1], "what is before the damage"
        wait_for(lambda: mended(real), "the log is mended")
        assert renewals(real) == 1
        assert real.ban("192.0.2.9").status_code == 201


@pytest.mark.parametrize("first", ["the API", "the data plane"])
def test_a_log_that_was_changed_while_both_were_down_is_renewed(
    settings: ApiSettings, first: str
) -> None:
    before = RealApi(settings)
    for ip in BANS:
        before.ban(ip)
    before.close()
    damage(settings)
    api = RealApi(settings) if first == "the API" else None
    with spawn(settings.socket, settings.state_log):
        api = api or RealApi(settings)
        try:
            wait_for(lambda: mended(api), "the log is mended")
            assert renewals(api) == 1
        finally:
            api.close()


def test_an_import_that_was_changed_is_renewed_when_the_data_plane_alone_restarts(
    real: RealApi,
) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        real.node.housekeeper.turn()
        imported = real.bring("\n".join(BANS)).json["revision"]
        wait_for_state(real, imported, "in_force")
    file = next(real.settings.state_log.glob("import-*"))
    file.write_bytes(file.read_bytes().replace(BANS[1].encode(), WRONG.encode()))
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        assert real.get("/status").json["reasons"] == ["state_log"]
        assert state_of(real, imported) == "pending"
        wait_for(lambda: mended(real), "the log is mended")
        assert state_of(real, imported) == "in_force"


def test_a_log_of_the_format_before_is_renewed(settings: ApiSettings) -> None:
    before = RealApi(settings)
    for ip in BANS:
        before.ban(ip)
    before.close()
    make_format_1(settings.state_log)
    with spawn(settings.socket, settings.state_log):
        api = RealApi(settings)
        try:
            wait_for(lambda: mended(api), "the log is mended")
        finally:
            api.close()
