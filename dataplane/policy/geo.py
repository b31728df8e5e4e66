"""The common part of rules about the country of a source."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Annotated, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from dataplane.base.errors import InvalidInputError
from dataplane.countries.codes import COUNTRIES, UNKNOWN, index_of
from dataplane.native import abi
from dataplane.native.abi import Use
from dataplane.policy.rule import Rule, mistake

COUNTRY_PATTERN = "^[A-Z]{2}$"
_WORD_BITS = 64
_CODE = {"type": "string", "enum": sorted(COUNTRIES)}


class GeoRule(Rule):
    """A rule about the country of a source."""

    NEEDS_COUNTRIES: ClassVar[bool] = True
    USE: ClassVar[Use]
    NAMES_UNKNOWN: ClassVar[Literal["allow", "block"]]
    """The answer to sources without a country that puts them among those that the rule names."""

    countries: Annotated[
        tuple[Annotated[str, Field(pattern=COUNTRY_PATTERN), WithJsonSchema(_CODE)], ...],
        Field(min_length=1, max_length=len(COUNTRIES)),
    ]

    unknown: Annotated[
        Literal["allow", "block"] | None,
        Field(default=None, exclude_if=lambda unknown: unknown is None),
    ]
    """The treatment of sources without a country: special-purpose addresses (RFC 6890), and
    addresses that are not in the database. If it is missing, ``countries`` applies to them as
    ZZ."""

    @property
    def named(self) -> frozenset[str]:
        """The countries of the rule; with ZZ if it covers sources without a country."""
        return frozenset(self.countries) | (
            {UNKNOWN} if self.unknown == self.NAMES_UNKNOWN else set()
        )

    @abstractmethod
    def refused(self, codes: AbstractSet[str]) -> AbstractSet[str]:
        """The countries that the rule refuses."""

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        for index, code in enumerate(self.countries):
            if code not in COUNTRIES:
                limit = "a code of ISO 3166-1 alpha-2, or EU, XK or ZZ (not known)"
                yield mistake(f"{path}.countries[{index}]", code, limit, "is no country")
        if UNKNOWN in self.countries and self.unknown not in {None, self.NAMES_UNKNOWN}:
            limit = f"{self.NAMES_UNKNOWN!r}, or no {UNKNOWN} among the countries"
            yield mistake(f"{path}.unknown", self.unknown, limit, "contradicts the countries")

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        words = getattr(profile, self.USE.name.lower())
        for country in map(index_of, self.named):
            words[country // _WORD_BITS] |= 1 << country % _WORD_BITS
        profile.uses |= self.USE

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        return f"{self.type} countries", ", ".join(sorted(self.named))
