"""Shows the result of a replay: as JSON and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column, Columns
from dataplane.native import abi
from dataplane.pcap import CaptureError
from dataplane.replay.replay_report import ReplayReport, WafReport
from dataplane.replay.waf import REQUESTS_MAX

SHOWN_MAX = 50
"""Requests in the table."""
VERDICTS: Columns = {
    "verdict": KEY,
    "reason": KEY,
    "packets": KEY,
    "share": Column(1),
    "meaning": Column(2, wraps=True),
}
PORTS: Columns = {
    "from": KEY,
    "received": KEY,
    "bytes": Column(1),
    "forwarded": Column(2),
    "dropped": KEY,
}
RULES: Columns = {
    "profile": KEY,
    "rule": KEY_TEXT,
    "dropped": KEY,
    "would drop": Column(1),
}
NOTES: Columns = {"note": KEY, "packets": KEY, "meaning": Column(1, wraps=True)}
WAF_RULES: Columns = {
    "line": KEY,
    "name": Column(1),
    "pattern": Column(3, wraps=True),
    "action": Column(2),
    "requests": KEY,
}
WAF_HITS: Columns = {
    "client": KEY,
    "destination": Column(3),
    "rule": KEY,
    "action": Column(5),
    "target": Column(4),
    "request": Column(1, wraps=True),
    "excerpt": Column(2, wraps=True),
}
_NOTES = {
    "link_scope": "link control or not IP (ARP, ND, OSPF, LLDP, ...): judged by no stage",
    "link_other": "of those, neither IP nor link control (MACsec, pseudowires): payload not judged",
    "encapsulated": "inside MPLS, PPPoE or a tunnel: judged, except by connections and http",
    "allowed": "source on the allowlist",
    "neighbors": "routing protocols of neighbours in the policy: judged by sanity and lists only",
    "cut": "cut by the capture's snaplen",
    "cut_unjudged": "of those, cut inside their headers: forwarded without being judged",
    "inside_both": "source and destination inside: treated as from outside",
    "inside_neither": "neither address inside: treated as from outside",
    "no_address": "no IP address to derive the direction: treated as from outside",
    "clock_backwards": "earlier time than the packet before: set to that packet's time",
    "tso": "captured before segmentation, IP length 0: judged by the length of the frame",
    "big_tcp": "larger than 65,535 bytes, IP length 0: judged as 65,535 bytes",
    "checksum_unfinished": "TCP checksum that a NIC was to finish: counts as valid",
    "surplus": "with bytes behind the IP packet that are no padding: these bytes are not counted",
    "syns_auto": "SYNs forwarded; the SYN proxy (syn = auto) is not simulated",
    "syns_always": "SYNs forwarded; the SYN proxy (syn = always) is not simulated",
}


def as_document(report: ReplayReport, broken: CaptureError | None) -> dict[str, Any]:
    """The report as JSON; ``error``: the position at which the capture broke off, if it did."""
    error = {"message": str(broken), "offset": broken.offset} if broken else None
    return {**asdict(report), "error": error}


def warn_of_limits(report: ReplayReport) -> None:
    """Prints on stderr the parts that the report leaves out."""
    if report.syns_always:
        warn(
            f"{report.syns_always} SYNs to profiles with syn = always are reported as forwarded: "
            "replay has no SYN proxy; a node answers them itself"
        )


def print_report(output: Output, report: ReplayReport) -> None:
    """Verdicts by reason, port and rule of the policy; remarks about the capture."""
    seconds = report.duration_ns / 1e9
    output.line(f"{report.packets} packets in {seconds:.3f} s of capture")
    output.table(VERDICTS, _verdicts(report))
    output.table(
        PORTS,
        (
            (name, port.received, port.received_bytes, port.forwarded, sum(port.dropped.values()))
            for name, port in report.ports.items()
        ),
    )
    if report.rules:
        output.table(
            RULES,
            ((rule.profile, rule.path, rule.dropped, rule.would_drop) for rule in report.rules),
        )
    if report.waf:
        _print_waf(output, report.waf)
    notes = {name: getattr(report, name) for name in _NOTES}
    if any(notes.values()):
        rows = [(name, count, _NOTES[name]) for name, count in notes.items() if count]
        output.table(NOTES, rows)


def _print_waf(output: Output, waf: WafReport) -> None:
    output.line(f"{waf.hit} of {waf.requests} HTTP requests would have been hit by a rule")
    if waf.rules:
        output.table(
            WAF_RULES,
            ((one.line, one.name, one.pattern, one.action, one.hits) for one in waf.rules),
        )
    if waf.hits:
        output.table(
            WAF_HITS,
            (
                (
                    *(one.client, one.destination, one.line, one.action, one.target),
                    *(one.request, one.excerpt),
                )
                for one in waf.hits[:SHOWN_MAX]
            ),
        )
    if hidden := waf.unlisted + max(0, len(waf.hits) - SHOWN_MAX):
        output.line(f"and {hidden} more; --json lists up to {REQUESTS_MAX}")
    if waf.not_inspected:
        output.line(f"{waf.not_inspected} connections or requests could not be inspected")


def _verdicts(report: ReplayReport) -> Iterator[tuple[Cell, ...]]:
    yield "forwarded", None, report.forwarded, _share(report, report.forwarded), ""
    for verdict, reasons in (("dropped", report.dropped), ("would drop", report.would_drop)):
        for label, count in sorted(reasons.items(), key=lambda item: -item[1]):
            text = abi.REASON_TEXT[abi.Reason[label.upper()]]
            yield verdict, label, count, _share(report, count), text


def _share(report: ReplayReport, count: int) -> str:
    return f"{100 * count / report.packets:.2f}%" if report.packets else "-"
