"""A client that a public generator makes of the orchestrator's OpenAPI document works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from api.common.contract.roles import KEY_HEADER
from api.orchestrator.app import orchestrator_of
from api.orchestrator.settings import OrchestratorSettings
from api.serving.bridge import Bridge, Lanes
from tests.support.clients import generator
from tests.support.documents import document
from tests.support.servers.serving import serving

PROGRAM = """
import json
import sys

from generated_client import AuthenticatedClient
from generated_client.api.default import get_nodes, get_nodes_by_node, get_tokens, post_tokens
from generated_client.models import Problem, TokenRequest

url, header, key = sys.argv[1:]
client = AuthenticatedClient(url, key, prefix="", auth_header_name=header)
page = get_nodes.sync(client=client, limit=5)
token = post_tokens.sync(client=client, body=TokenRequest(name="a-rack", uses_max=4))
unknown = get_nodes_by_node.sync("node-9", client=client)
assert isinstance(unknown, Problem)
print(
    json.dumps(
        {
            "nodes": [[each.id, each.status, each.address] for each in page.nodes],
            "token": [token.name, token.uses_max, len(token.token) >= 32],
            "tokens": sorted(each.name for each in get_tokens.sync(client=client).tokens),
            "unknown": unknown.status,
        }
    )
)
"""


def test_a_generated_client_lists_nodes_and_makes_tokens(
    fleet: Flask,
    fleet_settings: OrchestratorSettings,
    enrol: Callable[..., FlaskClient],
    tmp_path: Path,
) -> None:
    enrol("node-1")
    found = generator.generate(document.described(fleet), tmp_path)
    assert len(list(found.glob("[a-z]*.py"))) == len(orchestrator_of(fleet).operations)
    key = (fleet_settings.keys / "admin.key").read_text().strip()
    with serving(Bridge(fleet, 2, Lanes)) as server:
        url = f"http://127.0.0.1:{server.port}"
        answers = generator.run(tmp_path, PROGRAM, url, KEY_HEADER, key)
    assert answers == {
        "nodes": [["node-1", "registering", "10.0.1.10:9090"]],
        "token": ["a-rack", 4, True],
        "tokens": ["a-rack", "enrol"],
        "unknown": 404,
    }
