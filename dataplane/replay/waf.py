"""The rules of the WAF in a replay: compiled here, matched against every request, without blocking.

A rule that blocks would end its connection, and the rest of the connection in the capture would not
be inspected. So in a replay the mode of ``waf_rule`` is at most ``monitor`` in all profiles. This
process compiles patterns without limits: they are its user's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence

from dataplane.base.clock import SystemClock
from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.replay.replay_report import RequestHit, WafReport, WafRuleReport
from dataplane.shared.evidence import read_evidence
from dataplane.tables.waf_table import WafImage, WafSet, WafTable
from dataplane.waf.compiling.admission import unsound
from dataplane.waf.compiling.engine import Engine, Expression
from dataplane.waf.compiling.expressions import FLAGS
from dataplane.waf.document import Rule
from dataplane.waf.enforcing.groups import GroupNames
from dataplane.waf.enforcing.slot_records import SlotRecords

REQUESTS_MAX = 10_000
"""Requests that are listed; further ones are only counted by rule."""
_EVIDENCE_BYTES = ctypes.sizeof(abi.Evidence)


class ReplayWaf:
    """Tables of the rules; must be closed before the library's other tables."""

    def __init__(
        self,
        library: ctypes.CDLL,
        stats: abi.LcoreStats,
        rules: Sequence[Rule],
        profiles: Mapping[str, int],
        groups: GroupNames,
    ) -> None:
        """``groups``: the names of groups; those of the policy are held.

        Raises InvalidInputError (a pattern can't be a rule), ConfigurationError, NativeError.
        """
        self._stats, self._rules = stats, rules
        self._names = {index: name for name, index in profiles.items()}
        self._requests: list[RequestHit] = []
        self._seen = self._unlisted = 0
        _check_profiles(rules, profiles)
        self.table, self.set = WafTable(library), WafSet(library, 1)
        self._images: list[WafImage] = []
        groups.hold({rule.group for rule in rules if rule.group is not None})
        records = SlotRecords(library, SystemClock(), groups)
        records.use_profiles(profiles)
        if rules:
            self.table.put([records.record(rule, slot) for slot, rule in enumerate(rules)])
            self._compile(library)
        self.set.build(None, is_ready=True)

    def _compile(self, library: ctypes.CDLL) -> None:
        engine = Engine()
        for rule in self._rules:
            if refusal := unsound(engine, rule.pattern):
                at = "" if refusal.position is None else f", at position {refusal.position}"
                raise InvalidInputError(
                    f"rules, line {rule.number}: pattern {rule.pattern!r}: {refusal.text}{at}",
                    field="pattern",
                    value=rule.pattern,
                )
        for target in abi.WafClass:
            meant = [
                Expression(rule.pattern.encode(), FLAGS, slot)
                for slot, rule in enumerate(self._rules)
                if target in _classes(rule)
            ]
            if meant:
                with engine.database(meant) as database:
                    self._images.append(_image(library, engine.image(database)))
                self.set.add(target, self._images[-1])

    def take(self, first_ns: int) -> None:
        """Call after each batch: reads which requests were hit. ``first_ns``: begin of
        the capture."""
        for sequence in range(self._seen + 1, self._stats.evidence_count + 1):
            if (
                len(self._requests) == REQUESTS_MAX
                or (hit := self._hit(sequence, first_ns)) is None
            ):
                self._unlisted += 1
            else:
                self._requests.append(hit)
        self._seen = self._stats.evidence_count

    def _hit(self, sequence: int, first_ns: int) -> RequestHit | None:
        """The hit; None: its evidence was overwritten."""
        ring: int = abi.LcoreStats.evidence.offset  # type: ignore[attr-defined]
        place = ctypes.addressof(self._stats) + ring
        place += (sequence - 1) % abi.EVIDENCE_MAX * _EVIDENCE_BYTES
        found = read_evidence(ctypes.string_at(place, _EVIDENCE_BYTES), sequence, self._names)
        if found is None:
            return None
        return RequestHit(
            time_s=round(first_ns / 1e9 + found.boot_ms / 1000, 1),
            client=found.client,
            destination=found.protected,
            profile=found.profile,
            line=found.rule,
            action=found.action,
            target=found.target,
            request=found.line,
            excerpt=found.excerpt,
        )

    def report(self) -> WafReport:
        """The results so far."""
        http = self._stats.http
        return WafReport(
            requests=http.requests,
            hit=self._seen,
            not_inspected=sum(http.not_inspected),
            rules=list(self._hits()),
            hits=list(self._requests),
            unlisted=self._unlisted,
        )

    def _hits(self) -> Iterator[WafRuleReport]:
        for slot, rule in enumerate(self._rules):
            if count := self._stats.rule_hits[slot]:
                yield WafRuleReport(rule.number, rule.name, rule.pattern, rule.action, count)

    def close(self) -> None:
        """Free the tables; a second call does nothing."""
        for table in (self.set, *self._images, self.table):
            table.close()


def _check_profiles(rules: Sequence[Rule], profiles: Mapping[str, int]) -> None:
    for rule in rules:
        for name in rule.profiles:
            if name not in profiles:
                raise InvalidInputError(
                    f"rules, line {rule.number}: the policy has no profile {name!r}",
                    field="profiles",
                    value=name,
                    limit=f"one of {', '.join(profiles)}",
                )


def _classes(rule: Rule) -> set[abi.WafClass]:
    return {abi.WafClass[target.partition(":")[0].upper()] for target in rule.targets}


def _image(library: ctypes.CDLL, content: bytes) -> WafImage:
    image = WafImage(library, len(content))
    ctypes.memmove(image.bytes_address, content, len(content))
    image.seal()
    return image
