"""How the result of a replay is shown: as JSON and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from appliance.cli.output import Cell, Output
from dataplane import abi
from dataplane.pcap import CaptureError
from dataplane.replay_report import ReplayReport

_NOTES = {
    "link_scope": "link-scope control (ARP, ND, MLD, fe80::/10, other non-IP): always forwarded",
    "allowed": "source on the allowlist",
    "cut": "cut by the capture's snaplen",
    "cut_unjudged": "of those, cut before their headers ended: forwarded without judgement",
    "inside_both": "source and destination inside: taken as from outside",
    "inside_neither": "neither address inside: taken as from outside",
    "no_address": "no IP address to tell the direction: taken as from outside",
    "clock_backwards": "stamped earlier than a packet before them: taken as of that packet's time",
}


def as_document(report: ReplayReport, broken: CaptureError | None) -> dict[str, Any]:
    """The report as JSON has it; ``error`` says where the capture broke off, if it did."""
    error = {"message": str(broken), "offset": broken.offset} if broken else None
    return {**asdict(report), "error": error}


def print_report(output: Output, report: ReplayReport) -> None:
    """Verdicts by reason, port and rule of the policy; what is worth knowing about the capture."""
    seconds = report.duration_ns / 1e9
    output.line(f"{report.packets} packets in {seconds:.3f} s of capture")
    output.table(("verdict", "reason", "packets", "share", "meaning"), _verdicts(report))
    output.table(
        ("from", "received", "bytes", "forwarded", "dropped"),
        (
            (name, port.received, port.received_bytes, port.forwarded, sum(port.dropped.values()))
            for name, port in report.ports.items()
        ),
    )
    if report.rules:
        output.table(
            ("profile", "rule", "dropped", "would drop"),
            ((rule.profile, rule.path, rule.dropped, rule.would_drop) for rule in report.rules),
        )
    notes = {name: getattr(report, name) for name in _NOTES}
    if any(notes.values()):
        rows = [(name, count, _NOTES[name]) for name, count in notes.items() if count]
        output.table(("note", "packets", "meaning"), rows)


def _verdicts(report: ReplayReport) -> Iterator[tuple[Cell, ...]]:
    yield "forwarded", None, report.forwarded, _share(report, report.forwarded), ""
    for verdict, reasons in (("dropped", report.dropped), ("would drop", report.would_drop)):
        for label, count in sorted(reasons.items(), key=lambda item: -item[1]):
            text = abi.REASON_TEXT[abi.Reason[label.upper()]]
            yield verdict, label, count, _share(report, count), text


def _share(report: ReplayReport, count: int) -> str:
    return f"{100 * count / report.packets:.2f}%" if report.packets else "-"
