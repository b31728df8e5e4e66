"""Whether patterns may become rules, in the engine itself: alone and in groups."""

from __future__ import annotations

import pytest

from dataplane.waf.compiling import admission
from dataplane.waf.compiling.admission import Candidate, Examination, Verdict
from dataplane.waf.compiling.engine import Engine
from tests.native.waf.dear import DEAR, limit_between


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def examined(engine: Engine, *patterns: str) -> list[Verdict]:
    return Examination(engine, [Candidate(one, ("any",)) for one in patterns]).run()


def test_the_example_of_the_contract_is_admitted(engine: Engine) -> None:
    (found,) = examined(engine, "(?i)(union.*select|select.*from)")
    assert found.refusal is None
    assert found.cost_ns is not None


@pytest.mark.parametrize(
    ("pattern", "position", "word"),
    [
        ("a(?=b)", 1, "assertion"),
        ("a(?!b)", 1, "assertion"),
        ("ab(?<=b)", 2, "assertion"),
        ("ab(?<!b)", 2, "assertion"),
        (r"(a)b\1", 4, "ack-reference"),
        (r"(?P<x>a)b(?P=x)", 9, "ack-reference"),
        ("x(?>a)", 1, ""),
        ("xa++", 2, ""),
        ("xa{2}+", 4, ""),
        (r"xa\Kb", 2, ""),
        (r"xa\R", 2, ""),
        ("(?|a|b)", 0, ""),
        ("x(?R)", 1, ""),
        ("(a)(?1)", 3, ""),
        ("a(", 1, "parenthesis"),
        ("ab[", 2, ""),
        ("*a", 0, ""),
    ],
)
def test_what_the_engine_refuses_is_refused_where_it_stands(
    engine: Engine, pattern: str, position: int, word: str
) -> None:
    (found,) = examined(engine, pattern)
    assert found.refusal is not None
    assert word in found.refusal
    assert found.position == position


@pytest.mark.parametrize("pattern", ["^", "$", "^$", r"\b", "a*", "(a|)", "x?", r"^\s*$"])
def test_what_matches_nothing_at_all_is_refused(engine: Engine, pattern: str) -> None:
    (found,) = examined(engine, pattern)
    assert found.refusal is not None


def test_what_is_too_large_is_refused(engine: Engine) -> None:
    first, second = examined(engine, "a{32767}", "a{32768}")
    assert first.refusal is not None
    assert second.refusal is not None


def test_in_a_group_the_guilty_alone_are_refused(engine: Engine) -> None:
    patterns = [f"needle{number}[a-z]+x" for number in range(60)]
    guilty = {7: "a{32767}", 8: "(", 30: "^", 59: "a{,3}"}
    for index, pattern in guilty.items():
        patterns[index] = pattern
    found = examined(engine, *patterns)
    assert {index for index, one in enumerate(found) if one.refusal} == set(guilty)


def test_what_is_too_dear_on_its_own_text_is_refused_with_the_figure(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_between(monkeypatch)
    (found,) = examined(engine, DEAR)
    assert found.refusal is not None
    took_ns, limit_ns = (int(found.refusal.split()[place]) for place in (2, -2))
    assert found.refusal.startswith(f"it takes {took_ns} ns for 2048 bytes of its own text")
    assert took_ns > limit_ns > 0


def test_in_a_group_what_is_too_dear_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_between(monkeypatch)
    patterns = [f"needle{number}[a-z]+x" for number in range(40)]
    patterns[11] = DEAR
    found = examined(engine, *patterns)
    assert {index for index, one in enumerate(found) if one.refusal} == {11}


def test_what_is_too_dear_on_sample_traffic_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = "[a-z]+=[^a]*[0-9].*[a-z]"
    assert examined(engine, pattern)[0].refusal is None
    monkeypatch.setattr(admission, "SAMPLE", [[b"z" * 100_000]])  # far over the limit on any CPU
    (found,) = examined(engine, DEAR)
    assert found.refusal is not None
    took_ns, limit_ns = (int(found.refusal.split()[place]) for place in (2, -2))
    assert found.refusal == f"it takes {took_ns} ns of a request, the limit is {limit_ns} ns"
    assert took_ns == found.cost_ns
    assert took_ns > limit_ns >= admission.RULE_NS_MAX


def test_a_slow_machine_is_no_reason_to_refuse_a_pattern(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "OWN_NS_MAX", 250)
    assert examined(engine, "needle[a-z]+x")[0].refusal is not None
    monkeypatch.setattr(admission, "YARDSTICK_NS", 1000)
    assert examined(engine, "needle[a-z]+x")[0].refusal is None


def test_nobody_is_examined_in_no_time(engine: Engine) -> None:
    assert examined(engine) == []
