"""Finds allowlist entries that exempt sources from the country rules of a policy.

The allowlist takes precedence over country rules, so such a policy would not do what it says. It is
refused, with the rule and the network named, unless the operator confirms it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.common.contract.errors import ConflictError, FieldError
from api.lists import kinds
from api.management.lists import rows
from api.storage.sqlite import Database
from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.countries import database as countries_file
from dataplane.policy import Action, GeoRule, PolicyDocument

NAMED_MAX = 10
"""Networks that an answer names; the answer says whether there are more."""
_RULE = "no enforced rule about countries may cut off a network on the allowlist"


@dataclass(frozen=True)
class _Exempt:
    """A country rule, and a network that the allowlist exempts from it."""

    path: str
    rule: GeoRule
    network: Network
    codes: frozenset[str]

    def __str__(self) -> str:
        place = f"in {', '.join(sorted(self.codes))} and on the allowlist"
        return f"{self.path} ({self.rule.type}) would cut off {self.network}, which is {place}"


class Exemptions:
    """Compares policies with the allowlist, using the node's country database."""

    def __init__(self, database: Database, clock: Clock, files: Sequence[Path]) -> None:
        self._database = database
        self._clock = clock
        self._files = files

    def check(self, document: PolicyDocument, *, accept: bool) -> list[str]:
        """Warnings about a policy; `ConflictError` if its country rules cover allowlisted sources.

        ``accept``: the operator confirms this, and it is only a warning.
        """
        rules = list(_enforced(document))
        if not rules:
            return []
        try:
            countries = countries_file.read_first(self._files)
        except InvalidInputError as error:
            return [f"country rules drop no packet until there is a database: {error}"]
        found = []
        for exempt in self._exempt(rules, countries):
            found.append(exempt)
            if len(found) > NAMED_MAX:
                break
        if found and not accept:
            raise _conflict(found)
        more = [f"more than {NAMED_MAX} are exempt"] if len(found) > NAMED_MAX else []
        return [f"{one}: it stays open" for one in found[:NAMED_MAX]] + more

    def _exempt(
        self, rules: list[tuple[str, GeoRule]], countries: countries_file.CountryDatabase
    ) -> Iterator[_Exempt]:
        with self._database.read() as connection:
            for network in rows.networks(connection, kinds.ALLOWLIST, self._clock.boot_ms()):
                codes = countries.countries_in(network)
                for path, rule in rules:
                    if cut := rule.refused(codes):
                        yield _Exempt(path, rule, network, frozenset(cut))


def _enforced(document: PolicyDocument) -> Iterator[tuple[str, GeoRule]]:
    """Country rules that drop, with their paths."""
    holders = [("rules", document.mode, document.rules)]
    for index, profile in enumerate(document.profiles):
        holders.append((f"profiles[{index}].rules", profile.mode, profile.rules))
    for path, mode, rules in holders:
        for index, rule in enumerate(rules):
            if isinstance(rule, GeoRule) and (mode, rule.action) == (Action.ENFORCE,) * 2:
                yield f"{path}[{index}]", rule


def _conflict(found: list[_Exempt]) -> ConflictError:
    rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    if len(found) > NAMED_MAX:
        rest = f" (and more than {NAMED_MAX - 1} others)"
    return ConflictError(
        f"{found[0]}{rest}: change the rule or the list, or set accept_exempt if the allowlist is "
        "meant to keep it open",
        errors=[FieldError(one.path, str(one.network), _RULE, str(one)) for one in found],
    )
