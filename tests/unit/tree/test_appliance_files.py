"""Units and files of the appliance: who may do what, and that they agree with one another."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from api.agent.node_api import TIMEOUT_S
from api.serving.server import CONNECTIONS_MAX, OTHER_FILES
from appliance.config.orchestrator import DATABASE_URL, ORCHESTRATOR_API_KEY, OrchestratorConfig
from appliance.config.settings import (
    FLEET_TOKEN,
    MANAGEMENT_API_KEY,
    SYN_COOKIE_SECRET,
    WEBHOOKS_SECRET,
)

APPLIANCE = Path(__file__).parents[3] / "appliance"
UNITS = APPLIANCE / "systemd"
ROOTFS = APPLIANCE / "rootfs"
Settings = dict[str, list[str]]

PROCESSES = ("dataplane", "api", "agent")
CONFINED = (*PROCESSES, "tls", "rebuild", "orchestrator", "orchestrator-tls")
DATAPLANE_USER = ("dataplane", "rebuild")
CAPABILITIES = {
    "dataplane": "",
    "api": "",
    "agent": "",
    "tls": "",
    "nics": "CAP_CHOWN",
    "network": "",
    "host": "CAP_SYS_ADMIN",
    "firstboot": "CAP_SYS_ADMIN CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_AUDIT_WRITE",
    "console": "",
    "rebuild": "",
    "provisioner": "",
    "orchestrator": "",
    "orchestrator-tls": "",
}
OPTIONAL = {
    f"secbeat-{name}.service" for name in ("orchestrator", "orchestrator-tls", "provisioner")
}
"""Not of every node: an operator enables them."""


def unit(name: str) -> Settings:
    """Settings of a unit file, each with its values in order."""
    settings: Settings = {}
    for line in (UNITS / name).read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def service(name: str) -> Settings:
    return unit(f"secbeat-{name}.service")


def lines(name: str) -> list[list[str]]:
    """Words of the lines of every file of that name below the trees, comments aside."""
    return [
        line.split()
        for file in sorted(ROOTFS.glob(f"*/{name}"))
        for line in file.read_text().splitlines()
        if line and not line.startswith("#")
    ]


def directories() -> dict[str, tuple[str, ...]]:
    """Path -> mode, user, group, as tmpfiles.d makes them."""
    rows = lines("usr/lib/tmpfiles.d/*.conf")
    return {row[1]: tuple(row[2:5]) for row in rows if row[0] == "d"}


def apt_hook() -> str:
    """What apt runs after dpkg, as apt reads it."""
    file = ROOTFS / "node/etc/apt/apt.conf.d/50-secbeat"
    dump = subprocess.run(
        ["apt-config", "dump", "--format", "%f=%v%n", "DPkg::Post-Invoke"],
        env={"PATH": "/usr/bin:/bin", "APT_CONFIG": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    hooks = [line.partition("=")[2] for line in dump.stdout.splitlines() if "secbeat" in line]
    assert len(hooks) == 1
    return hooks[0]


@pytest.mark.parametrize("name", [*PROCESSES, "orchestrator", "provisioner"])
def test_a_process_has_the_time_to_start_that_an_emulated_machine_needs(name: str) -> None:
    """Python's imports alone take over a minute there beside other work (docs/image.md)."""
    assert service(name)["TimeoutStartSec"] == ["300"]


@pytest.mark.parametrize("name", [*PROCESSES, "orchestrator"])
def test_a_process_is_always_started_again_and_watched(name: str) -> None:
    settings = service(name)
    assert settings["Type"] == ["notify"]
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert int(settings["WatchdogSec"][0]) > 0


def test_the_agent_gives_up_a_request_when_the_watchdog_gives_up_the_api() -> None:
    """Not earlier: the API would still work on a request that the agent sends again."""
    assert float(service("api")["WatchdogSec"][0]) == TIMEOUT_S


@pytest.mark.parametrize("name", CONFINED)
def test_a_process_has_a_user_of_its_own_and_can_gain_nothing(name: str) -> None:
    settings = service(name)
    terminators = dict.fromkeys(("tls", "orchestrator-tls"), "haproxy")
    users = {**terminators, **dict.fromkeys(DATAPLANE_USER, "secbeat-dp")}
    assert settings["User"] == settings["Group"] == [users.get(name, "secbeat")]
    for key in (
        *("NoNewPrivileges", "ProtectHome", "PrivateTmp", "MemoryDenyWriteExecute"),
        *("RestrictNamespaces", "RestrictSUIDSGID", "LockPersonality", "ProtectKernelModules"),
    ):
        assert settings[key] == ["yes"], key
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["AmbientCapabilities"] == [""]
    assert settings["SystemCallFilter"][0] == "@system-service"


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_unit_has_these_capabilities_and_no_other(name: str) -> None:
    assert service(name)["CapabilityBoundingSet"] == [CAPABILITIES[name]]


def test_that_table_has_every_service() -> None:
    names = {path.stem.removeprefix("secbeat-") for path in UNITS.glob("*.service")}
    assert names == CAPABILITIES.keys()


def test_the_directories_are_those_of_the_lab() -> None:
    """Modes and owners as appliance.lab.lifecycle lays them out."""
    made = directories()
    assert made["/var/lib/secbeat/agent"] == ("0700", "secbeat", "secbeat")
    assert made["/var/lib/secbeat/api"] == ("0700", "secbeat", "secbeat")
    assert made["/var/lib/secbeat/keys"] == ("0700", "secbeat", "secbeat")
    assert made["/var/lib/secbeat/rules"] == ("0700", "secbeat-dp", "secbeat-dp")
    assert made["/var/lib/secbeat/state"] == ("2750", "secbeat", "secbeat-dp")
    assert made["/run/secbeat"] == ("2750", "secbeat-dp", "secbeat")


def test_only_terminator_and_api_reach_the_apis_socket() -> None:
    assert directories()["/run/secbeat-api"] == ("0750", "secbeat", "haproxy")
    table = tomllib.loads((ROOTFS / "node/usr/share/secbeat/secbeat.toml").read_text())
    socket = table["api"]["socket"]
    assert Path(socket).parent == Path("/run/secbeat-api")
    assert service("api")["SupplementaryGroups"] == service("tls")["Group"] == ["haproxy"]
    assert f"unix@{socket}" in (ROOTFS / "tls/etc/secbeat/haproxy.cfg").read_text()


@pytest.mark.parametrize("name", [*PROCESSES, "rebuild", "orchestrator"])
def test_a_process_writes_only_where_its_user_owns_a_directory(name: str) -> None:
    settings, made = service(name), directories()
    paths = " ".join(settings.get("ReadWritePaths", [])).split()
    assert [made[path][1] for path in paths] == settings["User"] * len(paths)


def test_the_agent_writes_its_own_files_and_sees_no_others() -> None:
    settings = service("agent")
    assert settings["ReadWritePaths"] == ["/var/lib/secbeat/agent /run/secbeat-agent"]
    state = {each for each in directories() if each.startswith("/var/lib/secbeat/")}
    hidden = set(settings["InaccessiblePaths"][0].split())
    assert state - hidden - {"/var/lib/secbeat/agent"} == {"/var/lib/secbeat/countries"}


def test_the_presets_enable_what_has_an_install_section() -> None:
    enabled = {
        row[1] for row in lines("usr/lib/systemd/system-preset/*.preset") if row[0] == "enable"
    }
    installable = {path.name for path in UNITS.iterdir() if "WantedBy" in unit(path.name)}
    assert {name for name in enabled if name.startswith("secbeat")} == installable - OPTIONAL


@pytest.mark.parametrize("is_booted", [True, False], ids=["node", "chroot"])
def test_apt_has_the_rules_compiled_for_an_engine_that_it_has_upgraded(
    tmp_path: Path, is_booted: bool
) -> None:
    """And goes on when that fails."""
    systemctl, calls = tmp_path / "systemctl", tmp_path / "calls"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >{calls}\nexit 1\n')
    systemctl.chmod(0o755)
    hook = apt_hook().replace("/run/systemd/system", str(tmp_path if is_booted else "/none"))
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", hook], env=path, capture_output=True, text=True, check=True)
    assert ("journalctl -u secbeat-rebuild" in done.stderr) == is_booted
    assert calls.exists() == is_booted
    if is_booted:
        verb, name = calls.read_text().split()
        assert verb == "start"
        assert (UNITS / name).is_file()


def test_no_start_waits_for_rules_to_be_compiled() -> None:
    """Between stop and start nothing is forwarded."""
    for path in UNITS.iterdir():
        orders = [unit(path.name).get(key, []) for key in ("After", "Requires", "Wants")]
        assert "secbeat-rebuild" not in str(orders), path
    assert "ExecStartPre" not in service("dataplane")
    assert "Before" not in service("rebuild")


def test_rules_are_rebuilt_where_the_data_plane_keeps_them() -> None:
    folder = service("rebuild")["ExecStart"][0].split()[-1]
    assert folder == service("rebuild")["ReadWritePaths"][0]
    assert folder in service("dataplane")["ReadWritePaths"][0].split()


def test_no_secret_travels_in_the_environment() -> None:
    for path in UNITS.iterdir():
        assert not {"Environment", "EnvironmentFile", "PassEnvironment"} & unit(path.name).keys()
    # One in a line: systemd takes what stands behind the sign for one name.
    assert {
        name: service(name).get("ImportCredential", []) for name in (*PROCESSES, "orchestrator")
    } == {
        "dataplane": [SYN_COOKIE_SECRET[1]],
        "api": [MANAGEMENT_API_KEY[1]],
        "agent": [WEBHOOKS_SECRET[1], FLEET_TOKEN[1]],
        "orchestrator": [ORCHESTRATOR_API_KEY[1], DATABASE_URL[1], WEBHOOKS_SECRET[1]],
    }


def test_the_orchestrator_keeps_its_state_where_no_node_looks() -> None:
    settings, state = service("orchestrator"), OrchestratorConfig().state_dir
    assert [str(state)] == [f"/var/lib/{name}" for name in settings["StateDirectory"]]
    assert settings["StateDirectoryMode"] == ["0700"]
    assert "-/var/lib/secbeat" in settings["InaccessiblePaths"][0].split()
    for name in ("api", "agent"):
        assert f"-{state}" in " ".join(service(name)["InaccessiblePaths"]).split()


@pytest.mark.parametrize("name", ["orchestrator", "provisioner"])
def test_what_not_every_node_has_waits_for_its_configuration(name: str) -> None:
    assert service(name)["ConditionPathExists"] == [f"/etc/secbeat/{name}.toml"]


def test_the_units_of_a_tree_are_those_of_the_appliance() -> None:
    assert (ROOTFS / "node/usr/lib/systemd/system").resolve() == UNITS


@pytest.mark.parametrize(
    "path", [p for p in ROOTFS.rglob("*") if p.is_file()], ids=lambda p: p.name
)
def test_a_file_that_is_laid_as_it_is_ends_with_a_newline_and_holds_no_carriage_return(
    path: Path,
) -> None:
    content = path.read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content


def test_connections_fit_into_the_limits_of_files() -> None:
    """A client of the terminator has a connection on each side, and the API more than it sends."""
    text = (ROOTFS / "tls/etc/secbeat/haproxy.cfg").read_text()
    clients = int(text.split("    maxconn ", 1)[1].split()[0])
    assert 2 * clients < int(service("tls")["LimitNOFILE"][0])
    assert 2 * clients <= CONNECTIONS_MAX
    assert int(service("api")["LimitNOFILE"][0]) >= CONNECTIONS_MAX + OTHER_FILES
