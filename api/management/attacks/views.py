"""``/attacks`` and ``/top``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from api.common.contract.errors import NotFoundError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339, utc_ms
from api.management.attacks import evidence
from api.management.attacks.rows import Filter, Position
from api.management.attacks.schemas import (
    ID,
    AttackBody,
    AttacksPage,
    AttacksQuery,
    HeavyBody,
    TopBody,
)
from api.management.attacks.service import Attacks
from api.management.dataplane import Dataplane
from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import KEY_BITS, Network
from dataplane.shared.incidents import Ranked


class AttackViews:
    """The handlers."""

    def __init__(self, attacks: Attacks, plane: Dataplane, clock: Clock) -> None:
        self._attacks = attacks
        self._plane = plane
        self._clock = clock

    def show(self, call: Call) -> Answer:
        """A page of the attacks."""
        query: AttacksQuery = call.query
        before = None if query.cursor is None else _position(query.cursor)
        page = self._attacks.page(_filter(query), before, query.limit)
        body = {
            "attacks": page.attacks,
            "total": page.total,
            "next_cursor": None if page.next is None else f"{page.next[0]}.{page.next[1]}",
            "warnings": page.warnings,
        }
        return Answer(200, _json(body))

    def get(self, call: Call) -> Answer:
        """One attack."""
        return Answer(200, _json(self._attacks.get(_id(call))))

    def capture(self, call: Call) -> Answer:
        """The sample packets of an attack."""
        attack, packets = self._attacks.captured(_id(call))
        name = f'attachment; filename="{attack["id"]}.pcapng"'
        content = evidence.to_pcapng(attack, packets)
        return Answer(200, content, {"Content-Disposition": name})

    def top(self, _call: Call) -> Answer:
        """The heaviest sources and targets of the node."""
        found = self._plane.top()
        ago_ms = self._clock.boot_ms() - found.boot_ms
        body = TopBody(
            at=rfc3339(self._clock.utc_ms() - ago_ms) if found.boot_ms else None,
            packets_every=found.packets_every,
            sources=_heavy(found.sources),
            targets=_heavy(found.targets),
        )
        return Answer(200, body)


def operations(attacks: Attacks, plane: Dataplane, clock: Clock) -> list[Operation]:
    """The operations on attacks."""
    views = AttackViews(attacks, plane, clock)
    return [
        Operation(
            "GET",
            "/attacks",
            views.show,
            "Attacks, active and past, newest first",
            Role.READ,
            {200: AttacksPage},
            query=AttacksQuery,
        ),
        Operation(
            "GET",
            "/attacks/{attack}",
            views.get,
            "One attack, with its evidence",
            Role.READ,
            {200: AttackBody},
            errors=(404, 503),
        ),
        Operation(
            "GET",
            "/attacks/{attack}/pcap",
            views.capture,
            "Captured packets of an attack, dropped or would-be dropped, with the reason of each",
            Role.OPERATE,
            {200: None},
            errors=(404, 503),
            media=evidence.MEDIA,
        ),
        Operation(
            "GET",
            "/top",
            views.top,
            "The heaviest sources and targets of the last seconds",
            Role.READ,
            {200: TopBody},
            errors=(503,),
        ),
    ]


def _id(call: Call) -> str:
    attack = call.path["attack"]
    if re.fullmatch(ID, attack, re.ASCII) is None:
        raise NotFoundError(f"there is no attack {attack!r}")
    return attack


def _json(body: object) -> bytes:
    """A recorded document; one of an older version keeps the fields of that version."""
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def _position(cursor: str) -> Position:
    started_at, _, attack = cursor.partition(".")
    return int(started_at), attack


def _filter(query: AttacksQuery) -> Filter:
    return Filter(
        state=query.state,
        type=query.type,
        targets=None if query.target is None else _targets(query.target),
        profile=query.profile,
        since_ms=None if query.since is None else utc_ms(query.since),
    )


def _targets(text: str) -> tuple[str, ...]:
    """Targets to search for: the text itself, and the networks that contain it."""
    try:
        network = Network.parse(text)
    except InvalidInputError:
        return (text,)  # the name of a profile or a port
    shortest = 0 if network.family == 6 else KEY_BITS - 32  # noqa: PLR2004
    value = int.from_bytes(network.key, "big")
    return tuple(
        str(
            Network(
                (value >> (KEY_BITS - length) << (KEY_BITS - length)).to_bytes(16, "big"), length
            )
        )
        for length in range(network.prefix_length, shortest - 1, -1)
    )


def _heavy(ranked: Sequence[Ranked]) -> list[HeavyBody]:
    return [
        HeavyBody(
            address=each.address, country=each.country, packets=each.packets, error=each.error
        )
        for each in ranked
    ]
