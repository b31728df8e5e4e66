"""Entries by origin: several hold one network, each with its own end; the last counts."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from api.management.lists import service
from api.management.lists.importing import stage
from api.management.lists.importing.stage import Stage
from tests.support.clock import FakeClock

from ..conftest import Api
from .lists_model import Model, check_totals, in_force, pages

IP = "192.0.2.1"
FEED = "feed:drop"


def origins(api: Api, query: str = "") -> list[tuple[str, str]]:
    return [(each["ip"], each["origin"]) for each in pages(api, "blacklist", query)]


def lasts(api: Api, ip: str = IP) -> int | None:
    """Seconds until the data plane lets go of a network; None: never; -1: it does not have it."""
    ends = in_force(api)
    if ("blacklist", ip) not in ends:
        return -1
    end = ends["blacklist", ip]
    return None if end is None else (end - api.clock.boot_ms()) // 1000


def test_origins_hold_one_network_each_with_its_own_end_and_the_last_counts(api: Api) -> None:
    assert api.ban(IP, duration_seconds=60).status_code == 201
    assert lasts(api) == 60
    second = api.ban(IP, duration_seconds=600, origin=FEED, reason="drop")
    assert (second.status_code, second.json["origin"]) == (201, FEED)
    assert lasts(api) == 600
    assert api.ban(IP, duration_seconds=30, origin=FEED).status_code == 200
    assert lasts(api) == 60
    assert api.ban(IP, origin="incident").status_code == 201
    assert lasts(api) is None
    assert origins(api) == [(IP, FEED), (IP, "incident"), (IP, "manual")]
    assert origins(api, "&origin=manual") == [(IP, "manual")]
    check_totals(api)


def test_a_network_is_shown_with_the_entry_that_lasts_longest_and_the_others(api: Api) -> None:
    api.ban(IP, duration_seconds=600, reason="hand")
    assert api.get(f"/blacklist/{IP}").json["others"] == []
    api.ban(IP, duration_seconds=60, origin="crowdsec")
    api.ban(IP, duration_seconds=900, origin=FEED, reason="drop")
    shown = api.get(f"/blacklist/{IP}").json
    assert (shown["origin"], shown["reason"]) == (FEED, "drop")
    assert [each["origin"] for each in shown["others"]] == ["manual", "crowdsec"]
    assert api.delete(f"/blacklist/{IP}?origin={FEED}").status_code == 200
    assert api.get(f"/blacklist/{IP}").json["reason"] == "hand"


def test_hits_are_of_the_network(api: Api) -> None:
    api.ban(IP)
    api.ban(IP, origin=FEED)
    api.plane.hits_by_key = {("blacklist", service.Network.parse(IP)): 7}
    assert [each["hits"] for each in pages(api, "blacklist")] == [7, 7]
    assert api.ban(IP, origin="fleet").json["hits"] == 7, "the data plane knows the network"


def test_a_delete_takes_one_origins_entry_and_says_which_remain(api: Api) -> None:
    api.ban(IP, duration_seconds=60)
    api.ban(IP, duration_seconds=600, origin=FEED)
    api.ban(IP, duration_seconds=30, origin="fleet")
    answer = api.delete(f"/blacklist/{IP}?origin={FEED}")
    assert answer.status_code == 200
    assert answer.json == {
        "ip": IP,
        "origin": FEED,
        "remaining": ["fleet", "manual"],
        "revision": 4,
        "state": "in_force",
    }
    assert lasts(api) == 60, "what remains is published"
    assert api.delete(f"/blacklist/{IP}").json["remaining"] == ["fleet"], "manual is the default"
    missing = api.delete(f"/blacklist/{IP}")
    assert missing.status_code == 404
    assert "fleet" in missing.json["detail"]
    assert (lasts(api), origins(api)) == (30, [(IP, "fleet")])
    assert api.delete(f"/blacklist/{IP}?origin=fleet", key=api.agent_key).status_code == 204
    assert lasts(api) == -1
    check_totals(api)


def test_what_has_ended_of_one_origin_leaves_the_others(api: Api, clock: FakeClock) -> None:
    api.ban(IP, duration_seconds=60)
    api.ban(IP, duration_seconds=600, origin=FEED)
    clock.pass_ms(60_000)
    revision = api.get("/status").json["revision"]["committed"]
    assert (origins(api), lasts(api)) == ([(IP, FEED)], 540)
    check_totals(api)
    assert (origins(api), lasts(api)) == ([(IP, FEED)], 540)
    assert api.get("/status").json["revision"]["committed"] == revision
    clock.pass_ms(540_000)
    assert (origins(api), lasts(api)) == ([], -1)


def test_a_snapshot_holds_the_union(api: Api, settings: Any) -> None:
    for seconds, origin in ((60, "manual"), (600, FEED), (30, "fleet")):
        api.ban(IP, duration_seconds=seconds, origin=origin)
        api.ban("192.0.2.2", duration_seconds=seconds, origin=origin)
    api.ban("192.0.2.2", origin="incident")
    api.close()
    for path in settings.state_log.iterdir():
        path.unlink()
    again = api.restart()
    try:
        assert (lasts(again), lasts(again, "192.0.2.2")) == (600, None)
        assert len(in_force(again)) == 2
    finally:
        again.close()


def test_after_a_reboot_with_the_clock_set_back_no_origin_is_cut_short(
    api: Api, clock: FakeClock
) -> None:
    api.ban(IP, duration_seconds=3600, origin=FEED)
    clock.pass_ms(3_590_000)
    api.ban(IP, duration_seconds=20)
    clock.step_ms(-1_000_000)
    clock.reboot(up_ms=1000)
    again = api.restart()
    try:
        ends = [each["expires_at"] for each in pages(again, "blacklist")]
        assert len(ends) == 2
        assert lasts(again) is not None
        assert lasts(again) >= 1009, "the feed's entry, by UTC, lasts so long"  # type: ignore[operator]
    finally:
        again.close()


@pytest.mark.parametrize(
    "origin",
    ["", "me", "Manual", "feed:", "feed:-x", "feed:A", "feed:a b", "feed:" + "a" * 65, "feed:ä", 1],
)
def test_an_origin_that_is_none_is_422_wherever_it_stands(api: Api, origin: Any) -> None:
    answer = api.ban(IP, origin=origin)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "origin")
    for method, path in (
        ("GET", "/blacklist"),
        ("DELETE", f"/blacklist/{IP}"),
        ("POST", "/blacklist/import"),
    ):
        answer = api.call(
            method, path, query_string={"origin": origin}, data="", content_type="text/plain"
        )
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "origin")
    answer = api.post("/blacklist/remove", {"origin": origin})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "origin")


def test_the_longest_name_of_a_feed_is_taken(api: Api) -> None:
    origin = "feed:" + "a" * 64
    assert api.ban(IP, origin=origin).status_code == 201
    assert api.ban("192.0.2.2", origin=origin).status_code == 201
    assert api.get("/blacklist?limit=1").json["next_cursor"] is not None
    assert origins(api, f"&origin={origin}") == [(IP, origin), ("192.0.2.2", origin)]


def test_capacity_counts_networks_and_entries_have_a_bound_of_their_own(api: Api) -> None:
    api.plane.addresses_max = 2
    assert service.ENTRIES_PER_NETWORK == 2
    for number in range(3):
        assert api.ban(IP, origin=f"feed:{number}").status_code == 201
    full = api.bring("192.0.2.2\n192.0.2.3\n", query="?origin=crowdsec")
    assert (full.status_code, full.json["errors"][0]["limit"]) == (409, "2 addresses")
    assert api.ban("192.0.2.2").status_code == 201
    full = api.ban("192.0.2.3")
    assert (full.status_code, full.json["errors"][0]["limit"]) == (409, "2 addresses")
    full = api.ban("192.0.2.2", origin=FEED)
    assert (full.status_code, full.json["errors"][0]["limit"]) == (409, "4 entries of addresses")
    full = api.bring("192.0.2.2\n", query=f"?origin={FEED}")
    assert (full.status_code, full.json["errors"][0]["limit"]) == (409, "4 entries of addresses")
    assert api.ban("192.0.2.2", reason="again").status_code == 200, "replacing needs no room"
    assert api.ban("192.0.2.0/24").status_code == 201
    api.delete(f"/blacklist/{IP}?origin=feed:0")
    assert api.bring("192.0.2.2\n", query=f"?origin={FEED}").status_code == 201


def test_entries_that_have_ended_make_room(api: Api, clock: FakeClock) -> None:
    api.plane.addresses_max = 1
    api.ban(IP, duration_seconds=60)
    api.ban(IP, duration_seconds=60, origin="feed:1")
    clock.pass_ms(60_000)
    assert api.ban(IP, origin="feed:2").status_code == 201
    assert api.ban(IP, origin="feed:3").status_code == 201
    assert api.ban(IP, origin="feed:4").status_code == 409
    assert api.ban("192.0.2.2").status_code == 409
    check_totals(api)


def test_the_allowlist_has_origins_too_and_one_of_them_is_enough(api: Api) -> None:
    api.post("/allowlist", {"ip": IP})
    api.post("/allowlist", {"ip": IP, "origin": FEED})
    assert api.delete(f"/allowlist/{IP}").status_code == 200
    assert api.ban(IP).status_code == 409
    warned = api.ban("192.0.2.0/24").json["warnings"]
    assert len(warned) == 1, "a network is named once, however many hold it"
    assert api.delete(f"/allowlist/{IP}?origin={FEED}").status_code == 204
    assert api.ban(IP).status_code == 201


def test_the_audit_names_the_origin(api: Api) -> None:
    api.ban(IP)
    api.ban(IP, origin=FEED)
    api.delete(f"/blacklist/{IP}?origin={FEED}")
    api.bring("192.0.2.2\n", query=f"?origin={FEED}")
    targets = [row["target"] for row in api.get("/audit?limit=4").json["audit"]]
    assert targets == [f"1 entries of {FEED}", f"{IP} of {FEED}", f"{IP} of {FEED}", IP]


def test_the_etag_of_a_network_follows_every_origin(api: Api) -> None:
    api.ban(IP)
    tags = {api.get(f"/blacklist/{IP}").headers["ETag"]}
    api.ban(IP, origin=FEED, duration_seconds=60)
    tags.add(api.get(f"/blacklist/{IP}").headers["ETag"])
    api.ban(IP, origin=FEED, duration_seconds=60, reason="x")
    tags.add(api.get(f"/blacklist/{IP}").headers["ETag"])
    assert len(tags) == 3


def test_an_import_has_one_origin_and_leaves_the_others(api: Api) -> None:
    api.ban(IP, duration_seconds=600)
    answer = api.bring(f"{IP}\n192.0.2.2\n", query=f"?origin={FEED}&duration_seconds=60")
    assert (answer.status_code, answer.json["added"]) == (201, 2), "another origin is no conflict"
    assert (lasts(api), lasts(api, "192.0.2.2")) == (600, 60)
    assert origins(api) == [(IP, FEED), (IP, "manual"), ("192.0.2.2", FEED)]
    again = api.bring(f"{IP}\n", query=f"?origin={FEED}")
    assert again.status_code == 409
    check_totals(api)


def test_a_line_of_an_import_has_no_origin_of_its_own(api: Api) -> None:
    answer = api.bring(
        '{"ip": "192.0.2.1", "origin": "fleet"}\n', content_type="application/x-ndjson"
    )
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "line 1")
    assert "origin" in answer.json["detail"]


def between_chunks(monkeypatch: pytest.MonkeyPatch, actions: list[Callable[[], Any]]) -> None:
    """Runs an action after each chunk of one row while a bulk change is being staged."""
    monkeypatch.setattr(stage, "CHUNK", 1)
    chunks = Stage._chunks

    def interrupted(self: Stage) -> Any:
        for chunk in chunks(self):
            yield chunk
            if actions:
                actions.pop(0)()

    monkeypatch.setattr(Stage, "_chunks", interrupted)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("meanwhile", [False, True], ids=["one by one", "at once"])
def test_lists_and_log_agree_with_the_rule_whatever_happens(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seed: int, meanwhile: bool
) -> None:
    """Random changes, single and in bulk; or some of them in the middle of a bulk change.

    One by one, the rule says what the lists are. At once, who wins is not looked at; that data
    plane and totals say what the lists say is.
    """
    print(f"seed {seed}")
    rng, model = random.Random(seed), Model()
    actions: list[Callable[[], Any]] = []
    between_chunks(monkeypatch, actions)
    for _ in range(40):
        if meanwhile:
            actions[:] = [lambda: _one(api, clock, model, rng)] * rng.choice((0, 2, 3))
        rng.choice((_one, _one, _bring, _remove_many, _pass))(api, clock, model, rng)
        actions.clear()
        model.expire(clock.boot_ms())
        shown = listed(api)
        if meanwhile:
            model.entries = shown
        assert shown == model.entries
        assert in_force(api) == model.ends()
    check_totals(api)
    assert in_force(api) == model.ends()


NETWORKS = [f"192.0.2.{n}" for n in range(6)] + ["10.0.0.0/8", "2001:db8::/32"]
ORIGINS = ["manual", FEED, "crowdsec"]


def listed(api: Api) -> dict[tuple[str, str, str], int | None]:
    """The blacklist in the words of the model."""
    clock = api.clock
    found: dict[tuple[str, str, str], int | None] = {}
    for each in pages(api, "blacklist"):
        end_ms = None
        if each["expires_at"] is not None:
            utc_ms = round(datetime.fromisoformat(each["expires_at"]).timestamp() * 1000)
            end_ms = utc_ms - clock.utc_ms() + clock.boot_ms()
        found["blacklist", each["ip"], each["origin"]] = end_ms
    return found


def _end(clock: FakeClock, seconds: int | None) -> int | None:
    return None if seconds is None else clock.boot_ms() + seconds * 1000


def _one(api: Api, clock: FakeClock, model: Model, rng: random.Random) -> None:
    ip, origin = rng.choice(NETWORKS), rng.choice(ORIGINS)
    if rng.random() < 0.6:
        seconds = rng.choice((None, 5, 50))
        wanted = {"ip": ip, "origin": origin, "duration_seconds": seconds}
        body = {"entries": [wanted]} if rng.random() < 0.5 else wanted
        assert api.post("/blacklist", body).status_code in (200, 201)
        model.put("blacklist", ip, origin, _end(clock, seconds))
    else:
        status = api.delete(f"/blacklist/{ip}?origin={origin}").status_code
        assert status in (200, 204, 404)
        assert bool(model.remove("blacklist", networks=[ip], origin=origin)) == (status != 404)


def _bring(api: Api, clock: FakeClock, model: Model, rng: random.Random) -> None:
    ips, origin = rng.sample(NETWORKS, rng.randint(1, len(NETWORKS))), rng.choice(ORIGINS)
    seconds, how = rng.choice((None, 5, 50)), rng.choice(("skip", "replace"))
    query = f"?origin={origin}&on_conflict={how}"
    query += "" if seconds is None else f"&duration_seconds={seconds}"
    answer = api.bring("\n".join(ips), query=query)
    assert answer.status_code in (200, 201), answer.json
    for ip in ips:
        if how == "replace" or ("blacklist", ip, origin) not in model.entries:
            model.put("blacklist", ip, origin, _end(clock, seconds))


def _remove_many(api: Api, clock: FakeClock, model: Model, rng: random.Random) -> None:
    wanted: dict[str, Any] = {"origin": rng.choice(ORIGINS)}
    if rng.random() < 0.6:
        wanted = {"networks": rng.sample(NETWORKS, 4)}
    counted = api.post("/blacklist/remove?dry_run=true", wanted).json["removed"]
    assert counted == len(model.meeting("blacklist", **wanted))
    answer = api.post("/blacklist/remove", wanted)
    assert answer.status_code == 200, answer.json
    model.remove("blacklist", **wanted)


def _pass(api: Api, clock: FakeClock, model: Model, rng: random.Random) -> None:
    clock.pass_ms(rng.choice((1000, 6000)))
    model.expire(clock.boot_ms())
    if rng.random() < 0.5:
        api.node.housekeeper.turn()


def test_a_ban_of_the_fleet_is_taken_although_the_allowlist_covers_it(api: Api) -> None:
    api.post("/allowlist", {"ip": "192.0.2.0/24"})
    assert api.ban("192.0.2.1").status_code == 409
    answer = api.ban("192.0.2.1", origin="fleet")
    assert answer.status_code == 201
    assert answer.json["warnings"] == [
        "192.0.2.0/24 is on the allowlist: the ban does not act on it"
    ]
    query = "?origin=fleet&on_conflict=replace"
    answer = api.bring("192.0.2.1\n192.0.2.2\n", query=query, key=api.agent_key)
    assert (answer.json["added"], answer.json["replaced"], answer.json["skipped"]) == (1, 1, 0)
