"""Stands for the rules on a node without a WAF: refuses each rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dataplane.native import abi
from dataplane.waf.condition import Condition
from dataplane.waf.document import Rule
from dataplane.waf.enforcing.groups import GroupNames
from dataplane.waf.rules import OnRefused

_TEXT = "this node has no WAF: its mode inspects no HTTP"


class NoRules:
    """The interface of `dataplane.waf.rules.Rules`, without rules."""

    is_busy = False

    def __init__(self, header: abi.StatsHeader) -> None:
        self.condition = Condition(header)
        self.groups = GroupNames(header, [])
        self.on_refused: OnRefused = lambda _number, _revision, _text: None

    def put(self, rules: Sequence[Rule], revision: int) -> None:
        """Refuse the rules."""
        for rule in rules:
            self.on_refused(rule.number, revision, _TEXT)

    def remove(self, numbers: Sequence[int], revision: int) -> None:
        """There are none."""

    def begin_generation(self) -> None:
        """There is nothing to begin."""

    def sweep(self) -> None:
        """There is nothing to remove."""

    def in_force_through(self, revision: int) -> int:
        """Nothing waits."""
        return revision

    def use_profiles(self, indices: Mapping[str, int]) -> None:
        """No rule names one."""

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        """There is nothing to load."""

    def turn(self) -> None:
        """There is nothing to do."""
