"""Units and files of the appliance: who may do what, and that they agree with one another."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

APPLIANCE = Path(__file__).parents[2] / "appliance"
UNITS = APPLIANCE / "systemd"
ROOTFS = APPLIANCE / "rootfs"
Settings = dict[str, list[str]]

PROCESSES = ("dataplane", "api", "agent")
CONFINED = (*PROCESSES, "tls")
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
}


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


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_always_started_again_and_watched(name: str) -> None:
    settings = service(name)
    assert settings["Type"] == ["notify"]
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert int(settings["WatchdogSec"][0]) > 0


@pytest.mark.parametrize("name", CONFINED)
def test_a_process_has_a_user_of_its_own_and_can_gain_nothing(name: str) -> None:
    settings = service(name)
    users = {"dataplane": "secbeat-dp", "tls": "haproxy"}
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
    assert made["/var/lib/secbeat/api"] == ("0700", "secbeat", "secbeat")
    assert made["/var/lib/secbeat/keys"] == ("0700", "secbeat", "secbeat")
    assert made["/var/lib/secbeat/state"] == ("2750", "secbeat", "secbeat-dp")
    assert made["/run/secbeat"] == ("2750", "secbeat-dp", "secbeat")


def test_only_terminator_and_api_reach_the_apis_socket() -> None:
    assert directories()["/run/secbeat-api"] == ("0750", "secbeat", "haproxy")
    table = tomllib.loads((ROOTFS / "node/usr/share/secbeat/secbeat.toml").read_text())
    socket = table["api"]["socket"]
    assert Path(socket).parent == Path("/run/secbeat-api")
    assert service("api")["SupplementaryGroups"] == service("tls")["Group"] == ["haproxy"]
    assert f"unix@{socket}" in (ROOTFS / "tls/etc/secbeat/haproxy.cfg").read_text()


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_writes_only_where_its_user_owns_a_directory(name: str) -> None:
    settings, made = service(name), directories()
    paths = " ".join(settings.get("ReadWritePaths", [])).split()
    assert [made[path][1] for path in paths] == settings["User"] * len(paths)


def test_the_presets_enable_what_has_an_install_section() -> None:
    enabled = {
        row[1] for row in lines("usr/lib/systemd/system-preset/*.preset") if row[0] == "enable"
    }
    installable = {path.name for path in UNITS.iterdir() if "WantedBy" in unit(path.name)}
    assert {name for name in enabled if name.startswith("secbeat")} == installable


def test_no_secret_travels_in_the_environment() -> None:
    for path in UNITS.iterdir():
        assert not {"Environment", "EnvironmentFile", "PassEnvironment"} & unit(path.name).keys()
    assert service("api")["ImportCredential"] == ["secbeat.management-api-key"]


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
