"""What the packet path has no room for is refused when a policy is validated, by name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from uuid import UUID

import pytest

from dataplane.base.clock import SystemClock
from dataplane.base.errors import InvalidInputError
from dataplane.policy import parse_policy
from dataplane.statelog import SetPolicy, StateLogReader, StateLogWriter
from dataplane.statelog.files import POLICY_BYTES_MAX
from tests.support.documents.policy_limits import Document, Edge, edges, policy, profile

EDGES = list(edges())


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_the_limit_of_every_field_is_taken_and_one_more_is_refused(edge: Edge) -> None:
    parse_policy(edge.at)
    with pytest.raises(InvalidInputError) as caught:
        parse_policy(edge.beyond)
    assert caught.value.field == edge.field
    assert str(caught.value).startswith(edge.field)
    assert caught.value.limit in str(caught.value)


def test_more_limits_than_a_profile_has_room_for_are_refused_however_many_kinds_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = [{"type": "rate_limit", "value": 1, "per": per} for per in ("source", "prefix")]
    monkeypatch.setattr("dataplane.native.abi.LIMITS_MAX", 1)
    with pytest.raises(InvalidInputError, match=r"rules: '2 limits' .* at most 1 in a profile"):
        parse_policy(policy(*rules))


def big(size: int) -> Document:
    """A policy of about so many bytes as it is stored, in half as many as it is written."""
    rule = {"type": "sanity"}
    stored = len(json.dumps({**rule, "action": "enforce"}, separators=(",", ":"))) + 1
    profiles = [profile(number, rules=[]) for number in range(1000)]
    room = size - len(json.dumps(parse_policy(policy(profiles=profiles)).model_dump(mode="json")))
    for each, number in zip(itertools.cycle(profiles), range(room // stored), strict=False):
        if number < 1000 * 200:
            each["rules"].append(rule)
    return policy(profiles=profiles)


def test_a_policy_that_no_line_of_the_state_log_holds_is_refused() -> None:
    document = big(POLICY_BYTES_MAX + 200_000)
    assert len(json.dumps(document)) < 1 << 20, "the API's body limit lets it through"
    with pytest.raises(InvalidInputError, match=r"policy: .* bytes.*at most 1,047,552 bytes"):
        parse_policy(document)


def test_the_largest_policy_fits_into_a_line_and_into_a_snapshot(tmp_path: Path) -> None:
    stored = parse_policy(big(POLICY_BYTES_MAX)).model_dump(mode="json")
    size = len(json.dumps(stored, separators=(",", ":")))
    stored["name"] = "n" * (1 + POLICY_BYTES_MAX - size)
    assert len(json.dumps(stored, separators=(",", ":"))) == POLICY_BYTES_MAX
    writer = StateLogWriter(tmp_path, SystemClock())
    writer.open(UUID(int=7))
    last = (1 << 63) - 1
    writer.snapshot(UUID(int=7), last - 1, [], stored)
    writer.append(last, [SetPolicy(stored)])
    reader = StateLogReader(tmp_path)
    with reader.snapshot(1) as snapshot, reader.log(1) as log:
        assert snapshot.policy == stored
        assert log.lines()[0].changes == (SetPolicy(stored),)
