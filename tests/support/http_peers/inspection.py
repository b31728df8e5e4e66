"""A node that inspects HTTP: its policy, its rules, and the ports of the origin."""

from __future__ import annotations

from typing import Any

from tests.support.http_peers.servers import PORTS
from tests.support.instances.lab import SECBEAT, Lab, run
from tests.support.waiting import wait_for

ORIGINS = {"ipv4": "198.19.0.1", "ipv6": "2001:2::2:1"}
RECORDED, UNSEEN = 8090, 8091
"""Ports of the recording origin: inspected, and not inspected."""
INSPECTED = (80, *PORTS.values(), RECORDED)
MARKER = b"attack-marker"
"""A text that a rule blocks in any place, and that nothing else contains."""
HARMLESS = b"benign-marker"
"""Another text of the same length."""
PROXIES = ("off", "always")


def policy(name: str = "inspected", **more: object) -> dict[str, Any]:
    """A policy with HTTP inspection."""
    return {"name": name, "http": {"ports": list(INSPECTED)}, **more}


def put(lab: Lab, key: str, document: dict[str, Any]) -> None:
    """Put a policy in force."""
    lab.change("PUT", "/policy", key, json=document)


def add_rule(lab: Lab, key: str, pattern: str, action: str = "block", **more: object) -> str:
    """Add a rule; returns its id when it is in force."""
    body = {"pattern": pattern, "action": action, **more}
    rule: str = lab.change("POST", "/rules", key, json=body).json()["id"]

    def is_active() -> bool:
        found: str = lab.api("GET", f"/rules/{rule}", key).json()["status"]
        return found == "active"

    wait_for(is_active, f"{rule} is in force")
    return rule


def delete_rule(lab: Lab, key: str, rule: str) -> None:
    """Delete a rule."""
    lab.change("DELETE", f"/rules/{rule}", key)


def hits(lab: Lab, key: str, rule: str) -> int:
    """Requests that the rule has matched."""
    rules = lab.api("GET", "/rules?limit=1000", key).json()["rules"]
    found: int = next(each["hits"] for each in rules if each["id"] == rule)
    return found


def secbeat(lab: Lab, *words: str) -> str:
    """The output of ``secbeat WORDS``."""
    url = f"http://{lab.instance.address}:9999"
    done = run(*SECBEAT, *words, "--url", url, "--key-file", str(lab.instance.admin_key))
    assert done.returncode == 0, done.stderr
    return done.stdout


def url(host: str, port: int = 80, path: str = "/") -> str:
    """The URL for curl."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{path}"
