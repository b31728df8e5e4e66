"""A fake host and the doctor's view of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.config import NodeConfig
from appliance.doctor import Context, Finding, examine
from appliance.host.files import Host
from dataplane.base.errors import DataplaneAwayError
from dataplane.shared.stats import NodeStats
from tests.support.fakes.fake_host import NIC, OTHER_NIC, FakeHost

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    host = FakeHost(tmp_path / "root")
    host.healthy()
    return host


@pytest.fixture
def findings(fake: FakeHost) -> Examine:
    """Run the doctor; findings by check. Configuration sections are given as keywords."""

    def away(socket: Path) -> NodeStats:
        raise DataplaneAwayError(f"no data plane answers on {socket}")

    def run(
        *,
        config: bool = True,
        dataplane_says: Callable[[Path], NodeStats] = away,
        coalescing: tuple[str, ...] = (),
        **sections: Any,
    ) -> dict[str, Finding]:
        ports = {"outside": {"device": NIC}, "inside": {"device": OTHER_NIC}}
        document = {"ports": ports, **sections}
        context = Context(
            host=Host(fake.root),
            config=NodeConfig.model_validate(document) if config else None,
            kernel_release=lambda: "6.1.0-1-amd64",
            load_library=lambda: None,
            installed_version=PINNED.get,
            ask_dataplane=dataplane_says,
            coalescing=lambda _: coalescing,
            config_file=Path("/etc/secbeat/secbeat.toml"),
        )
        return {finding.check: finding for finding in examine(context)}

    return run


def _pinned() -> dict[str, str]:
    from appliance.doctor.checks.software import locked_versions  # noqa: PLC0415

    return locked_versions(Path(__file__).resolve().parents[3] / "requirements.lock")


PINNED = _pinned()
