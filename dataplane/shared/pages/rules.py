"""Reads hits of WAF rules from the statistics pages. Reads only, never writes.

Elements that no worker has written are not read, so that their pages need no memory.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator, Mapping, Sequence

from dataplane.native import abi
from dataplane.shared.evidence import Evidence, read_evidence
from dataplane.shared.http_stats import GroupStats
from dataplane.waf.document import NO_GROUP

_WORD = 8
_HEADER = abi.StatsHeader
_LCORE = abi.LcoreStats
_LCORE_BYTES = ctypes.sizeof(_LCORE)
_EVIDENCE_BYTES = ctypes.sizeof(abi.Evidence)
_PAGES: int = abi.Stats.lcore.offset  # type: ignore[attr-defined]
_NUMBERS: int = _HEADER.rule_number.offset  # type: ignore[attr-defined]
_HITS: int = _LCORE.rule_hits.offset  # type: ignore[attr-defined]
_GROUPS: int = _LCORE.rule_group.offset  # type: ignore[attr-defined]
_GROUP_COUNT: int = _HEADER.rule_group_count.offset  # type: ignore[attr-defined]
_GROUP_LABELS: int = _HEADER.rule_group_label.offset  # type: ignore[attr-defined]
_COUNT: int = _LCORE.evidence_count.offset  # type: ignore[attr-defined]
_RING: int = _LCORE.evidence.offset  # type: ignore[attr-defined]


class RulesPages:
    """A mapping of ``sb_stats``, as bytes and as words."""

    def __init__(self, view: memoryview, words: memoryview, lcores: Sequence[int]) -> None:
        self._bytes = view
        self._words = words
        self._lcores = lcores

    def hits(self, numbers: Sequence[int]) -> dict[int, int]:
        """Hits of each rule in requests; about 2 ms for any number of rules."""
        wanted = set(numbers) - {0}  # index 0 stands for no rule
        start = _NUMBERS // _WORD
        by_slot = self._words[start : start + abi.RULES_MAX].tolist()
        slots = {number: slot for slot, number in enumerate(by_slot) if number in wanted}
        return {
            number: sum(
                self._words[(_page(index) + _HITS) // _WORD + slot] for index in self._lcores
            )
            for number, slot in slots.items()
        }

    def group_names(self) -> dict[int, str]:
        """Index and name of each group of rules; rules without a group are left out."""
        count = min(self._words[_GROUP_COUNT // _WORD], abi.RULE_GROUPS_MAX)
        return dict(read_labels(self._bytes, _GROUP_LABELS, count, abi.RULE_GROUP_NAME))

    def groups(self) -> Iterator[GroupStats]:
        """Hits of the rules of each group."""
        for group, name in ({0: NO_GROUP} | self.group_names()).items():
            at = (_GROUPS + group * abi.WAF_RESULT_COUNT * _WORD) // _WORD
            counts = (
                sum(self._words[_page(index) // _WORD + at + result] for index in self._lcores)
                for result in abi.WafResult
            )
            yield GroupStats(name, *counts)

    def evidence(self, limit: int, rule: int | None, names: Mapping[int, str]) -> list[Evidence]:
        """The newest evidence, of one rule if given, newest first; ``names``: of the profiles."""
        found = [
            each
            for index in self._lcores
            for each in itertools.islice(self._of_lcore(index, rule, names), limit)
        ]
        return sorted(found, key=lambda each: each.boot_ms, reverse=True)[:limit]

    def evidence_at(self, lcore: int, sequence: int, names: Mapping[int, str]) -> Evidence | None:
        """The evidence with that sequence number; None: it was overwritten, or there is no such
        lcore."""
        if lcore not in self._lcores or sequence < 1:
            return None
        offset = _page(lcore) + _RING + (sequence - 1) % abi.EVIDENCE_MAX * _EVIDENCE_BYTES
        content = bytes(self._bytes[offset : offset + _EVIDENCE_BYTES])
        found = read_evidence(content, sequence, names)
        return found if self._words[offset // _WORD] == sequence else None

    def _of_lcore(
        self, lcore: int, rule: int | None, names: Mapping[int, str]
    ) -> Iterator[Evidence]:
        """The evidence of one lcore, newest first."""
        count = self._words[(_page(lcore) + _COUNT) // _WORD]
        for sequence in range(count, max(0, count - abi.EVIDENCE_MAX), -1):
            found = self.evidence_at(lcore, sequence, names)
            if found is not None and rule in {None, found.rule}:
                yield found


def read_labels(view: memoryview, offset: int, count: int, size: int) -> list[tuple[int, str]]:
    """Index and name of each label, out of so many labels of so many bytes."""
    raw = bytes(view[offset : offset + count * size])
    names = (
        raw[at : at + size].rstrip(b"\0").decode(errors="replace")
        for at in range(0, len(raw), size)
    )
    return [(index, name) for index, name in enumerate(names) if name]


def _page(lcore: int) -> int:
    return _PAGES + lcore * _LCORE_BYTES
