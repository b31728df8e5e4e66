"""What port 9191 shows of a fleet."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from api.agent.fleet.following.part import Applied
from api.agent.fleet.orchestrator.contact import Contact
from api.agent.metrics.fleet import FleetCollector, FleetView


def registry(view: FleetView | None) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(FleetCollector(lambda: view))
    return made


def test_node_without_a_fleet_has_no_samples() -> None:
    found = registry(None)
    assert found.get_sample_value("secbeat_fleet_up") is None


def test_what_is_known_of_the_orchestrator() -> None:
    contact = Contact()
    contact.failed()
    view = FleetView(contact.view(), {"lists": Applied("e", 7)})
    assert registry(view).get_sample_value("secbeat_fleet_up") == 0
    contact.answered()
    contact.told_time(theirs_ms=10_000, ours_ms=17_000, took_ms=500)
    found = registry(FleetView(contact.view(), view.applied))
    assert found.get_sample_value("secbeat_fleet_up") == 1
    assert found.get_sample_value("secbeat_fleet_errors_total") == 1
    assert found.get_sample_value("secbeat_fleet_clock_ahead_seconds") == 6.5
    labels = {"part": "lists", "state": "applied"}
    assert found.get_sample_value("secbeat_fleet_applied_number", labels) == 7
