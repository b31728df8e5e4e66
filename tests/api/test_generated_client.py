"""A client that a public generator makes of the node's OpenAPI document works."""

from __future__ import annotations

from pathlib import Path

from api.serving.bridge import Bridge, Lanes
from tests.support.clients import generator
from tests.support.documents import document
from tests.support.servers.serving import serving

from .conftest import ADMIN_KEY, HEADER, Api

PROGRAM = """
import json
import sys

from generated_client import AuthenticatedClient
from generated_client.api.default import (
    delete_blacklist_by_network,
    get_blacklist,
    get_explain,
    get_keys,
    get_status,
    post_blacklist,
    post_rules,
)
from generated_client.models import EntryRequest, Problem, RuleRequest, RuleRequestAction

url, header, key = sys.argv[1:]
client = AuthenticatedClient(url, key, prefix="", auth_header_name=header)
added = post_blacklist.sync_detailed(
    client=client, body=EntryRequest(ip="192.0.2.0/24", reason="from a client"), idempotency_key="1"
)
refused = post_blacklist.sync(client=client, body=EntryRequest(ip="192.0.2.1/24"))
assert isinstance(refused, Problem)
page = get_blacklist.sync(client=client, limit=5)
removed = delete_blacklist_by_network.sync_detailed("192.0.2.0/24", client=client)
wanted = RuleRequest(pattern="union.*select", action=RuleRequestAction.BLOCK)
rule = post_rules.sync(client=client, body=wanted)
said = get_explain.sync(client=client, address="192.0.2.7")
stranger = AuthenticatedClient(url, "nobody's", prefix="", auth_header_name=header)
print(
    json.dumps(
        {
            "status": get_status.sync(client=client).status,
            "added": added.status_code,
            "refused": [refused.status, refused.errors[0].field],
            "page": [[each.ip, each.reason] for each in page.blacklist],
            "removed": removed.status_code,
            "rule": rule.status,
            "explained": said.verdict,
            "stranger": get_keys.sync(client=stranger).status,
        }
    )
)
"""


def test_a_generated_client_bans_asks_and_is_refused(api: Api, tmp_path: Path) -> None:
    found = generator.generate(document.described(api.app), tmp_path)
    assert len(list(found.glob("[a-z]*.py"))) == len(api.node.operations)
    with serving(Bridge(api.app, 2, Lanes)) as server:
        url = f"http://127.0.0.1:{server.port}"
        answers = generator.run(tmp_path, PROGRAM, url, HEADER, ADMIN_KEY)
    assert answers == {
        "status": "running",
        "added": 201,
        "refused": [422, "ip"],
        "page": [["192.0.2.0/24", "from a client"]],
        "removed": 204,
        "rule": "active",
        "explained": "forwarded",
        "stranger": 401,
    }
