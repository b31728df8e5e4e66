"""docs/reasons.md: ``python -m dataplane.reasons.page`` writes it on stdout (``make reasons``)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from dataplane.native.abi import Stage
from dataplane.reasons.guide import Guidance, guide

_HEAD = """# Drop reasons

<!-- Written by `make reasons` from reasons.def and the files of dataplane/reasons/. -->

Every packet that the node drops has one reason. Metrics (`secbeat_packets_dropped_total`),
`secbeat stats`, `secbeat explain`, `secbeat replay` and captures of attacks name it.
`secbeat reasons` prints the list below, `secbeat reasons NAME` one entry.

* *Action*: the default action, and the type of the [policy rule](policy.md#rules) that changes it.
  A reason of a limit, a filter or a country drops no packet until a rule of its type is in the
  profile. A *structural* reason has no other action: the node cannot forward such a packet.
* *Defined by*: the document that defines the rule. A dash: the node or its operator defines it.
* *Hit by mistake*: legitimate traffic that this reason can drop.
* *Remedy*: checks and changes. You can also set the rule of a reason to `monitor`, unless the
  reason is structural. The packets then pass, and the counter `would_drop` counts them.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_contents(), *_sections()])


def _contents() -> Iterator[str]:
    yield from ("| stage | reasons |", "| --- | --- |")
    for stage, found in _by_stage():
        yield f"| {stage} | {', '.join(f'[`{one.label}`](#{one.label})' for one in found)} |"
    yield ""


def _sections() -> Iterator[str]:
    for stage, found in _by_stage():
        yield f"## Stage {stage}\n"
        for one in found:
            yield from _section(one)


def _section(one: Guidance) -> Iterator[str]:
    yield f"### {one.label}\n"
    yield f"{one.meaning[0].upper()}{one.meaning[1:]}.\n"
    yield f"* Action: {action(one)}"
    yield f"* Defined by: {'; '.join(one.written.rfc) or '-'}"
    yield f"* Hit by mistake: {one.written.mistaken}"
    yield f"* Remedy: {one.written.advice}\n"


def action(one: Guidance) -> str:
    """The default action, and the settings that change it."""
    if not one.has_choice:
        return "always enforced (structural)"
    return f"{one.default} by default; rule {' or '.join(one.rules)}"


def _by_stage() -> Iterator[tuple[str, list[Guidance]]]:
    for stage in Stage:
        found = [one for one in guide().values() if one.stage == stage.name.lower()]
        if found:
            yield stage.name.lower(), found


if __name__ == "__main__":
    sys.stdout.write(page())
