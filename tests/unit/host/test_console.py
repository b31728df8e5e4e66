"""`secbeat host console`: what is shown above the login prompt, and that it is no secret."""

from __future__ import annotations

import json

import pytest

from appliance.commands import run
from appliance.host.console import UNITS, look, text
from appliance.host.files import Host
from appliance.host.firstboot.run import first_boot
from dataplane.base.process.notify import status_of
from tests.support.fakes.fake_host import FakeHost
from tests.support.fakes.fake_kernel import FakeTools

LINKS = [
    {},  # filtered out by ip: loopback has no address of that scope
    {
        "ifname": "ens2",
        "addr_info": [
            {"local": "2001:db8::10", "prefixlen": 64},
            {"local": "192.0.2.10", "prefixlen": 24},
            {},  # of link scope
        ],
    },
    {"ifname": "ens9"},
]


NOW, BEFORE = "a" * 32, "b" * 32
"""Invocations: of the start under way, and of the one before."""


def units(restarts: int = 0, status: str = "", **states: str) -> str:
    """As `systemctl show` prints them; ``active`` unless told otherwise.

    ``restarts`` of those that are not active; ``status``: what the data plane says of itself.
    """
    blocks = []
    for name in UNITS:
        state, _, sub = states.get(name, "active/running").partition("/")
        loaded = "not-found" if state == "absent" else "loaded"
        lines = (
            f"Id=secbeat-{name}.service",
            f"LoadState={loaded}",
            f"ActiveState={state}",
            f"SubState={sub}",
            f"NRestarts={0 if state == 'active' else restarts}",
            f"InvocationID={NOW}",
            f"StatusText={status if name == 'dataplane' else ''}",
        )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def journal(*lines: str, invocation: str = BEFORE) -> str:
    """As `journalctl --output=json` prints lines."""
    records = ({"MESSAGE": line, "_SYSTEMD_INVOCATION_ID": invocation} for line in lines)
    return "".join(f"{json.dumps(record)}\n" for record in records)


@pytest.fixture
def tools(fake: FakeHost) -> FakeTools:
    fake.write("/etc/shadow", "root:*:1::\nadmin:$y$hash:20000::\n")
    fake.write("/var/lib/secbeat/node-id", "1c9d2f34-0000-4000-8000-000000000001\n")
    return FakeTools(answers={"systemctl": units(), "ip": json.dumps(LINKS)})


def shown(fake: FakeHost, tools: FakeTools) -> str:
    return text(look(Host(fake.root), tools))


def row(message: str, name: str) -> str:
    (found,) = (line for line in message.splitlines() if line.startswith(f"  {name} "))
    return found.removeprefix(f"  {name}").strip()


def test_a_node_that_forwards_says_so_and_where_it_is(fake: FakeHost, tools: FakeTools) -> None:
    message = shown(fake, tools)
    assert "node 1c9d2f34-0000-4000-8000-000000000001" in message
    assert row(message, "state") == "forwarding"
    assert message.index("192.0.2.10/24") < message.index("2001:db8::10/64")
    assert row(message, "API") == "https://192.0.2.10:9999/docs"
    assert row(message, "next") == (
        "ssh admin@192.0.2.10, or log in here; the API's key: "
        "sudo cat /var/lib/secbeat/keys/admin.key"
    )


def test_a_unit_that_failed_is_named_with_its_own_last_words(
    fake: FakeHost, tools: FakeTools
) -> None:
    tools.answers["systemctl"] = units(nics="failed/failed", dataplane="inactive/dead")
    tools.answers["journalctl"] = journal(
        "x", "secbeat: ports.outside.device: no such NIC; `lspci`"
    )
    message = shown(fake, tools)
    assert row(message, "state") == "NOT FORWARDING"
    assert "secbeat-nics.service: secbeat: ports.outside.device: no such NIC; `lspci`" in message
    assert "_SYSTEMD_UNIT=secbeat-nics.service" in tools.ran[1]
    assert row(message, "next") == (
        "log in, then: journalctl -b -u secbeat-nics.service; sudo secbeat doctor"
    )


def test_a_node_on_its_way_up_asks_for_patience(fake: FakeHost, tools: FakeTools) -> None:
    tools.answers["systemctl"] = units(dataplane="activating/start", api="activating/start")
    message = shown(fake, tools)
    assert row(message, "state") == "starting"
    assert row(message, "next") == "wait: the node is starting"


def test_of_a_log_line_the_event_is_shown(fake: FakeHost, tools: FakeTools) -> None:
    tools.answers["systemctl"] = units(api="failed/failed")
    tools.answers["journalctl"] = journal('{"event": "no space is left", "level": "error"}')
    assert "  secbeat-api.service: no space is left\n" in shown(fake, tools)


def test_a_process_that_ends_again_and_again_is_a_trouble(fake: FakeHost, tools: FakeTools) -> None:
    tools.answers["systemctl"] = units(api="activating/auto-restart")
    assert "secbeat-api.service: is not up" in shown(fake, tools)


def test_a_data_plane_that_fails_at_every_start_is_not_starting(
    fake: FakeHost, tools: FakeTools
) -> None:
    # Nearly all the time it is on its way up again: Python loads, and then the NIC is not there.
    tools.answers["systemctl"] = units(restarts=7, dataplane="activating/start")
    failed = journal("EAL: no such device", "secbeat-dataplane: ports.outside.device: no port")
    tools.answers["journalctl"] = failed + journal('{"event": "starting"}', invocation=NOW)
    message = shown(fake, tools)
    assert row(message, "state") == "NOT FORWARDING"
    said = "restarted 7 times, said: secbeat-dataplane: ports.outside.device: no port"
    assert f"  secbeat-dataplane.service: {said}\n" in message
    assert row(message, "next").startswith("log in, then: journalctl -b -u secbeat-dataplane")


def test_between_two_starts_the_line_of_the_last_one_is_told(
    fake: FakeHost, tools: FakeTools
) -> None:
    tools.answers["systemctl"] = units(restarts=7, dataplane="activating/auto-restart")
    tools.answers["journalctl"] = journal("the reason", invocation=NOW)
    said = "restarted 7 times, said: the reason"
    assert f"  secbeat-dataplane.service: {said}\n" in shown(fake, tools)


def test_a_data_plane_that_was_restarted_and_is_up_forwards(
    fake: FakeHost, tools: FakeTools
) -> None:
    tools.answers["systemctl"] = units(status=status_of([])).replace("NRestarts=0", "NRestarts=3")
    assert row(shown(fake, tools), "state") == "forwarding"


@pytest.mark.parametrize("without", [["outside"], ["outside", "inside"]])
def test_a_data_port_without_a_link_is_told(
    fake: FakeHost, tools: FakeTools, without: list[str]
) -> None:
    tools.answers["systemctl"] = units(status=status_of(without))
    message, ports = shown(fake, tools), ", ".join(without)
    assert row(message, "state") == "NOT FORWARDING"
    assert f"  no link at data port {ports}\n" in message
    assert row(message, "next") == f"look at cable and switch of {ports}; sudo secbeat doctor"


@pytest.mark.parametrize(
    "written", ["not JSON\n", "[]\n", '{"MESSAGE": null}\n', '{"MESSAGE": [1, 2]}\n', ""]
)
def test_a_journal_of_another_shape_leaves_the_unit_named(
    fake: FakeHost, tools: FakeTools, written: str
) -> None:
    tools.answers["systemctl"] = units(nics="failed/failed")
    tools.answers["journalctl"] = written
    assert "secbeat-nics.service: is not up" in shown(fake, tools)


@pytest.mark.parametrize("state", ["inactive/dead", "absent/dead"])
def test_a_part_that_is_not_wanted_here_is_no_trouble(
    fake: FakeHost, tools: FakeTools, state: str
) -> None:
    tools.answers["systemctl"] = units(firstboot=state, network=state)
    message = shown(fake, tools)
    assert "secbeat-firstboot" not in message
    assert row(message, "state") == "forwarding"


def test_without_an_address_the_next_step_is_to_get_one(fake: FakeHost, tools: FakeTools) -> None:
    tools.answers["ip"] = "[]"
    message = shown(fake, tools)
    assert row(message, "address") == "none"
    assert "look at cable and DHCP server" in row(message, "next")
    assert "API" not in message


@pytest.mark.parametrize(
    ("password", "step"),
    [
        ("", "log in here as admin: you are asked for a new password"),
        ("!", "ssh admin@192.0.2.10; the API's key"),
        ("$y$hash", "ssh admin@192.0.2.10, or log in here; the API's key"),
    ],
)
def test_the_next_step_depends_on_how_one_gets_in(
    fake: FakeHost, tools: FakeTools, password: str, step: str
) -> None:
    fake.write("/etc/shadow", f"admin:{password}:0::\n")
    assert row(shown(fake, tools), "next").startswith(step)


def test_an_ipv6_address_stands_in_brackets(fake: FakeHost, tools: FakeTools) -> None:
    tools.answers["ip"] = json.dumps([{**LINKS[1], "addr_info": LINKS[1]["addr_info"][:1]}])  # type: ignore[index]
    assert row(shown(fake, tools), "API") == "https://[2001:db8::10]:9999/docs"


def test_the_fingerprint_is_openssls(fake: FakeHost, tools: FakeTools) -> None:
    first_boot(Host(fake.root), run, image=False)
    certificate = str(fake.root / "etc/secbeat/tls/tls.crt")
    printed = run("openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate)
    found = row(shown(fake, tools), "certificate").removeprefix("SHA-256 ")
    assert found == printed.strip().partition("=")[2]


@pytest.mark.parametrize("pem", ["", "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----"])
def test_a_certificate_that_is_none_is_left_out(fake: FakeHost, tools: FakeTools, pem: str) -> None:
    fake.write("/etc/secbeat/tls/tls.crt", pem)
    assert "certificate" not in shown(fake, tools)


def test_what_somebody_wrote_into_a_log_does_not_reach_the_terminal(
    fake: FakeHost, tools: FakeTools
) -> None:
    tools.answers["systemctl"] = units(nics="failed/failed")
    tools.answers["journalctl"] = journal("a\x1b[2Jb\\4{eth0}" + "x" * 1000)
    message = shown(fake, tools)
    assert "a?[2Jb\\\\4{eth0}" in message
    assert max(map(len, message.splitlines())) < 320


@pytest.mark.parametrize("tool", ["systemctl", "ip", "journalctl"])
def test_a_tool_that_fails_leaves_a_message_all_the_same(
    fake: FakeHost, tools: FakeTools, tool: str
) -> None:
    tools.answers["systemctl"] = units(nics="failed/failed")
    tools.fails.add(tool)
    assert "SecBeat" in shown(fake, tools)


def test_no_secret_is_shown(fake: FakeHost, tools: FakeTools) -> None:
    fake.write("/var/lib/secbeat/keys/admin.key", "the-admin-key\n")
    first_boot(Host(fake.root), run, image=False)
    message = shown(fake, tools)
    assert "the-admin-key" not in message
    assert "PRIVATE" not in message
    assert "$y$hash" not in message
