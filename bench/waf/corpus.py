"""Attacks that the starter rules find, and false positives: ``python -m bench.waf.corpus``.

Each attack of ``payloads`` is one request: the value of an argument with a browser's head (or a
body of XML). Each request of ``benign`` is one. A request counts as found if a rule of any group
matches one of the texts that the packet path would scan. Attacks that are held out are counted
separately and never printed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.waf.benign import Benign, requests
from bench.waf.carriers import CARRIERS, request_of, texts_of
from bench.waf.payloads import Payload, payloads
from dataplane.waf.compiling.expressions import FLAGS
from dataplane.waf.compiling.matching import Matcher
from dataplane.waf.starter import StarterRule, starter_rules

CORPUS = Path("build/corpus")
SQLMAP_MAX = 4000


@dataclass
class Result:
    """Results of one group of attacks, or of one kind of benign requests."""

    seen: int = 0
    hit: int = 0
    others: list[str] = field(default_factory=list)
    """Attacks that were missed; benign requests that a rule matched."""


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.waf.corpus", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sqlmap", type=int, default=SQLMAP_MAX, help="payloads of sqlmap's")
    parser.add_argument("--show", type=int, default=0, help="print so many that went wrong")
    chosen = parser.parse_args()
    rules = list(starter_rules())
    sent = payloads(CORPUS, chosen.seed, chosen.sqlmap)
    attacks = [request_of(one) for one in sent]
    benign = list(requests())
    with Matcher([one.pattern.encode() for one in rules], FLAGS) as matcher:
        found, by = _run(matcher, rules, attacks)
        taken, wrongly = _run(matcher, rules, benign)
        print("attacks                     sent   found")
        _print_attacks(found, chosen.show)
        for name, part in _parts(sent).items():
            print(f"of them {name}")
            _print_attacks(_run(matcher, rules, [request_of(one) for one in part])[0], 0)
        _print_benign(taken, wrongly, chosen.show)
        _print_carriers(matcher, rules, sent, chosen.show)
        _print_speed(matcher, benign)
    print(
        f"\n{len(rules)} rules; of them {sum(not by[one.id] for one in rules)} found nothing here"
    )


def _run(
    matcher: Matcher, rules: Sequence[StarterRule], sent: Iterable[Benign]
) -> tuple[dict[str, Result], Counter[str]]:
    results: dict[str, Result] = defaultdict(Result)
    by_rule: Counter[str] = Counter()
    for one in sent:
        hits = matcher.hits(texts_of(one))
        result = results[one.kind]
        result.seen += 1
        result.hit += bool(hits)
        names = sorted(rules[hit].id for hit in hits)
        by_rule.update(names)
        result.others.append(f"{' '.join(names) or '-'}: {(one.note or one.target)[:160]!r}")
    return results, by_rule


def _parts(sent: Sequence[Payload]) -> dict[str, list[Payload]]:
    """Payloads by source; those that are held out are separate."""
    parts: dict[str, list[Payload]] = defaultdict(list)
    for one in sent:
        parts[f"{one.source}, held out" if one.is_held_out else one.source].append(one)
    return parts


def _print_attacks(results: dict[str, Result], show: int) -> None:
    for group, one in results.items():
        print(f"  {group:22}  {one.seen:7}  {one.hit / one.seen:6.2%}")
        for text in [other for other in one.others if other.startswith("-: ")][:show]:
            print("      missed", text)
    seen, hit = (sum(getattr(one, name) for one in results.values()) for name in ("seen", "hit"))
    print(f"  {'all':22}  {seen:7}  {hit / seen:6.2%}")


def _print_benign(results: dict[str, Result], by_rule: Counter[str], show: int) -> None:
    print("\nbenign                      sent   taken for attacks")
    for kind, one in results.items():
        print(f"  {kind:22}  {one.seen:7}  {one.hit / one.seen:6.2%}")
        for text in [other for other in one.others if not other.startswith("-: ")][:show]:
            print("      hit", text)
    seen, hit = (sum(getattr(one, name) for one in results.values()) for name in ("seen", "hit"))
    print(f"  {'all':22}  {seen:7}  {hit / seen:6.2%}")
    for rule, count in by_rule.most_common():
        print(f"      {count:4} by {rule}")


def _print_carriers(
    matcher: Matcher, rules: Sequence[StarterRule], sent: Sequence[Payload], show: int
) -> None:
    """All groups, but no more of sqlmap's payloads than of all others."""
    some = [one for one in sent if one.source != "sqlmap"]
    some += [one for one in sent if one.source == "sqlmap"][: len(some)]
    print("\nthe same attacks, carried otherwise (found)")
    for carrier in CARRIERS:
        results, _ = _run(matcher, rules, [request_of(one, carrier) for one in some])
        seen, hit = (
            sum(getattr(one, name) for one in results.values()) for name in ("seen", "hit")
        )
        print(f"  {carrier:22}  {seen:7}  {hit / seen:6.2%}")
        missed = [text for one in results.values() for text in one.others]
        for text in [one for one in missed if one.startswith("-: ")][:show]:
            print("      missed", text)


def _print_speed(matcher: Matcher, benign: Sequence[Benign]) -> None:
    """The time of scans through ctypes; the call itself takes about a microsecond."""
    texts = [text for one in benign for text in texts_of(one)]
    start = time.process_time_ns()
    for text in texts:
        matcher.hits([text])
    took = time.process_time_ns() - start
    size = sum(len(text) for text in texts)
    print(f"\nscan: {took / len(benign) / 1000:.1f} us a request of {size // len(benign)} bytes")


if __name__ == "__main__":
    main()
