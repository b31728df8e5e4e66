"""The rules of blacklist and allowlist, through the API."""

from __future__ import annotations

import pytest

from dataplane.base.networks import Network

from ..conftest import Api


def test_a_new_entry_is_answered_201_with_the_entry_in_force(api: Api) -> None:
    answer = api.ban("192.0.2.100", reason="repeated attacks", duration_seconds=3600)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/blacklist/192.0.2.100"
    assert answer.json == {
        "ip": "192.0.2.100",
        "origin": "manual",
        "reason": "repeated attacks",
        "duration_seconds": 3600,
        "created_at": "2026-09-21T14:13:20.000Z",
        "expires_at": "2026-09-21T15:13:20.000Z",
        "created_by": "MANAGEMENT_API_KEY",
        "hits": 0,
        "state": "in_force",
        "revision": 1,
    }


def test_the_same_address_again_is_200_and_replaces_reason_and_time(api: Api) -> None:
    api.ban("192.0.2.100", reason="one", duration_seconds=60)
    answer = api.ban("192.0.2.100", reason="two")
    assert answer.status_code == 200
    assert (answer.json["reason"], answer.json["duration_seconds"]) == ("two", None)
    assert answer.json["revision"] == 2
    assert api.get("/blacklist").json["total"] == 1


def test_mapped_ipv4_is_ipv4(api: Api) -> None:
    assert api.ban("::ffff:192.0.2.7").json["ip"] == "192.0.2.7"
    assert api.get("/blacklist/192.0.2.7").status_code == 200
    assert api.get("/blacklist/::ffff:192.0.2.7").status_code == 200


def test_host_bits_are_refused_with_the_network_that_is_meant(api: Api) -> None:
    answer = api.ban("192.0.2.7/24")
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("ip", "192.0.2.7/24")
    assert "192.0.2.0/24" in error["message"]
    assert error["limit"]


@pytest.mark.parametrize(
    ("allowed", "banned"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0/25"),
        ("0.0.0.0/0", "198.51.100.1"),
        ("2001:db8::/32", "2001:db8::1"),
        ("::/0", "2001:db8::/48"),
    ],
)
def test_a_ban_that_the_allowlist_covers_is_refused_naming_the_entry(
    api: Api, allowed: str, banned: str
) -> None:
    assert api.post("/allowlist?force=true", {"ip": allowed}).status_code == 201
    answer = api.ban(banned)
    assert answer.status_code == 409
    assert allowed in answer.json["errors"][0]["limit"]
    assert api.get("/blacklist").json["total"] == 0


def test_all_of_ipv6_on_the_allowlist_is_not_ipv4(api: Api) -> None:
    assert api.post("/allowlist?force=true", {"ip": "::/0"}).status_code == 201
    assert api.ban("192.0.2.7").status_code == 201


def test_a_ban_that_contains_an_allowed_address_is_accepted_with_a_warning(api: Api) -> None:
    api.post("/allowlist", {"ip": "192.0.2.7"})
    answer = api.ban("192.0.2.0/24")
    assert answer.status_code == 201
    assert "192.0.2.7" in answer.json["warnings"][0]


def test_a_ban_of_ipv6_does_not_warn_of_an_allowed_ipv4_address(api: Api) -> None:
    api.post("/allowlist", {"ip": "192.0.2.7"})
    assert "warnings" not in api.ban("::/19").json  # where IPv4 is mapped


@pytest.mark.parametrize("name", ["blacklist", "allowlist"])
@pytest.mark.parametrize(
    ("ip", "length", "count"),
    [("10.0.0.0/7", 8, "33,554,432"), ("2000::/18", 19, "2^110"), ("::/1", 19, "2^127")],
)
def test_a_prefix_that_is_shorter_than_anybody_has_is_taken_with_a_warning(
    api: Api, name: str, ip: str, length: int, count: str
) -> None:
    answer = api.post(f"/{name}", {"ip": ip})
    assert answer.status_code == 201
    assert answer.json["warnings"] == [
        f"{ip} is shorter than /{length}: it holds {count} addresses"
    ]


@pytest.mark.parametrize("ip", ["10.0.0.0/8", "2000::/19", "192.0.2.1", "2001:db8::1"])
def test_an_ordinary_prefix_is_taken_without_a_warning(api: Api, ip: str) -> None:
    assert "warnings" not in api.ban(ip).json


@pytest.mark.parametrize("name", ["blacklist", "allowlist"])
@pytest.mark.parametrize("ip", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
def test_all_addresses_of_a_family_need_force(api: Api, name: str, ip: str) -> None:
    answer = api.post(f"/{name}", {"ip": ip})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], "force" in error["limit"]) == ("ip", True)
    many = api.post(f"/{name}", {"entries": [{"ip": "192.0.2.1"}, {"ip": ip}]})
    assert [each["field"] for each in many.json["errors"]] == ["entries.1.ip"]
    assert api.get(f"/{name}").json["total"] == 0
    forced = api.post(f"/{name}?force=true", {"ip": ip})
    assert (forced.status_code, len(forced.json["warnings"])) == (201, 1)
    assert api.delete(f"/{name}/{forced.json['ip']}").status_code == 204


def test_allowing_what_is_banned_is_accepted_and_says_which_bans_it_overrides(api: Api) -> None:
    api.ban("192.0.2.0/24")
    api.ban("192.0.2.7")
    answer = api.post("/allowlist", {"ip": "192.0.2.7"})
    assert answer.status_code == 201
    assert len(answer.json["warnings"]) == 2


def test_delete_is_204_and_then_404(api: Api) -> None:
    api.ban("192.0.2.7")
    assert api.delete("/blacklist/192.0.2.7").status_code == 204
    assert api.delete("/blacklist/192.0.2.7").status_code == 404
    assert api.get("/blacklist/192.0.2.7").status_code == 404


def test_delete_takes_the_exact_entry_only(api: Api) -> None:
    api.ban("192.0.2.0/24")
    assert api.delete("/blacklist/192.0.2.7").status_code == 404
    assert api.delete("/blacklist/192.0.2.0/25").status_code == 404
    assert api.delete("/allowlist/192.0.2.0/24").status_code == 404
    assert api.delete("/blacklist/192.0.2.0/24").status_code == 204


@pytest.mark.parametrize("path", ["2001:db8::/32", "2001:db8::%2F32", "2001:DB8::/32"])
def test_a_prefix_in_the_path_works_with_slash_and_without(api: Api, path: str) -> None:
    api.ban("2001:db8::/32")
    assert api.get(f"/blacklist/{path}").json["ip"] == "2001:db8::/32"


def test_a_path_that_is_no_network_is_422(api: Api) -> None:
    answer = api.get("/blacklist/nonsense")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "ip"


def test_pages_hold_every_entry_once_while_others_come_and_go(api: Api) -> None:
    for last in range(0, 100, 2):
        api.ban(f"192.0.2.{last}")
    seen: list[str] = []
    cursor, turn = "", 0
    while True:
        page = api.get(f"/blacklist?limit=7{cursor}").json
        seen += [entry["ip"] for entry in page["blacklist"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        api.ban(f"192.0.2.{100 + turn}")  # behind and before where the reader is
        api.ban(f"10.0.0.{turn}")
        api.delete(f"/blacklist/{seen[-1]}")
        turn += 1
    assert len(seen) == len(set(seen))
    assert {f"192.0.2.{last}" for last in range(0, 100, 2)} <= set(seen)


def test_total_counts_all_and_not_the_page(api: Api) -> None:
    for last in range(5):
        api.ban(f"192.0.2.{last}")
    page = api.get("/blacklist?limit=2").json
    assert (len(page["blacklist"]), page["total"]) == (2, 5)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=1_0", "limit=+1", "limit= 1", "limit=",
              "limit=1&limit=2", "page=1", "cursor=", "cursor=!!!!", "cursor=AAAA"]
)  # fmt: skip
def test_a_bad_query_is_422_and_names_the_parameter(api: Api, query: str) -> None:
    answer = api.get(f"/blacklist?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


def test_hits_come_from_the_data_plane_and_are_null_without_an_answer(api: Api) -> None:
    first = api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    key = next(iter(_keys(api)))
    api.plane.hits_by_key = {key: 42}
    assert first.json["hits"] == 0
    entries = api.get("/blacklist").json["blacklist"]
    assert [entry["hits"] for entry in entries] == [42, None]


def test_a_full_list_refuses_before_it_commits(api: Api) -> None:
    api.plane.addresses_max = 2
    api.ban("192.0.2.1")
    api.post("/allowlist", {"ip": "2001:db8::1"})
    answer = api.ban("192.0.2.3")
    assert answer.status_code == 409
    assert "2 addresses" in answer.json["errors"][0]["limit"]
    assert api.ban("192.0.2.1").status_code == 200, "replacing needs no room"
    assert api.ban("192.0.2.0/24").status_code == 201, "prefixes have a table of their own"
    api.delete("/blacklist/192.0.2.1")
    assert api.ban("192.0.2.3").status_code == 201


def test_without_a_data_plane_the_configured_capacity_holds(api: Api) -> None:
    api.plane.away = True
    api.plane.addresses_max = 0
    assert api.ban("192.0.2.1").status_code == 202


def test_hits_are_left_out_where_they_are_not_wanted(api: Api) -> None:
    api.ban("192.0.2.1")
    api.plane.hits_by_key = dict.fromkeys(_keys(api), 7)
    assert [each["hits"] for each in api.get("/blacklist").json["blacklist"]] == [7]
    (entry,) = api.get("/blacklist?hits=false").json["blacklist"]
    assert (entry["ip"], entry["hits"], entry["state"]) == ("192.0.2.1", None, "in_force")


def test_lists_and_entries_have_etags(api: Api) -> None:
    api.ban("192.0.2.1")
    for path in ("/blacklist", "/blacklist/192.0.2.1"):
        etag = api.get(path).headers["ETag"]
        again = api.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.data) == (304, b"")
    api.ban("192.0.2.2")
    assert api.get("/blacklist", headers={"If-None-Match": etag}).status_code == 200


def _keys(api: Api) -> list[object]:
    ips = [entry["ip"] for entry in api.get("/blacklist").json["blacklist"]]
    return [("blacklist", Network.parse(ip)) for ip in ips]
