"""``secbeat replay`` from the outside: files in, verdicts and files out."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from appliance.cli.app import app
from dataplane.base.errors import ConfigurationError
from dataplane.countries import database
from dataplane.countries.codes import index_of
from dataplane.countries.ranges import pack_ranges
from dataplane.countries.sources import Source
from dataplane.native import library as loader
from dataplane.native.library import ENVIRONMENT_VARIABLE
from dataplane.pcap import read_packets
from dataplane.replay import replay as native_replay
from tests.support.values.mixed_capture import (
    ALLOWLIST,
    BLACKLIST,
    CLIENT4,
    INSIDE,
    START_NS,
    mixed,
    write_mixed,
)

ROOT = Path(__file__).resolve().parents[4]
CLIENT4_BYTES = ip_address(CLIENT4).packed
INSIDE_ARGUMENTS = [part for prefix in INSIDE for part in ("--inside", prefix)]


@pytest.fixture(autouse=True)
def _pipeline(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, library._name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mixed(tmp_path / "in.pcap")
    (tmp_path / "black").write_text(BLACKLIST)
    (tmp_path / "allow").write_text(ALLOWLIST)
    return tmp_path


def replay(folder: Path, *arguments: str) -> Result:
    command = ["replay", str(folder / "in.pcap"), *INSIDE_ARGUMENTS, *arguments]
    return CliRunner().invoke(app, command)


def lists(folder: Path) -> list[str]:
    return ["--blacklist", str(folder / "black"), "--allowlist", str(folder / "allow")]


def document(result: Result) -> dict[str, Any]:
    assert result.exception is None
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_verdicts_by_reason_are_printed(folder: Path) -> None:
    result = replay(folder, *lists(folder))
    assert result.exit_code == 0
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert rows[0] == [f"{len(mixed())} packets in 0.000 s of capture"]
    assert ["dropped", "land", "2", "6.67%"] in [row[:4] for row in rows]
    assert ["cut", "4"] in [row[:2] for row in rows]


def test_json_holds_the_whole_report(folder: Path) -> None:
    found = document(replay(folder, "--json", *lists(folder)))
    assert found["packets"] == len(mixed())
    assert found["dropped"]["blacklist"] == 4
    assert found["error"] is None
    for port in found["ports"].values():
        dropped = sum(port["dropped"].values())
        assert port["received"] == port["forwarded"] + port["consumed"] + port["held"] + dropped


@pytest.mark.parametrize("name", ["out.pcap", "out.pcapng"])
def test_out_holds_what_would_have_been_forwarded(folder: Path, name: str) -> None:
    result = replay(folder, "--out", str(folder / name), *lists(folder))
    assert result.exit_code == 0
    with (folder / name).open("rb") as file:
        written = [tuple(packet) for packet in read_packets(file)]
    assert written == [
        (START_NS + index * 1000, len(sample.data), sample.captured)
        for index, sample in enumerate(mixed())
        if not sample.reason
    ]


def test_a_policy_file_is_applied(folder: Path) -> None:
    (folder / "p.toml").write_text(
        'name = "x"\n[[rules]]\ntype = "sanity"\naction = "monitor"\nreasons = ["land"]\n'
    )
    found = document(replay(folder, "--json", "--policy", str(folder / "p.toml")))
    assert found["would_drop"] == {"land": 2}
    assert "land" not in found["dropped"]


def test_a_configuration_gives_policy_and_capacities(folder: Path) -> None:
    (folder / "p.json").write_text(
        json.dumps({"name": "x", "rules": [{"type": "sanity", "action": "off"}]})
    )
    config = folder / "secbeat.toml"
    config.write_text(
        '[ports.outside]\ndevice = "net_null0"\n[ports.inside]\ndevice = "net_null1"\n'
        '[policy]\nfile = "p.json"\n[lists]\naddresses_max = 1\nprefixes_max = 64\n'
    )
    assert document(replay(folder, "--json", "--config", str(config)))["dropped"] == {}
    (folder / "black").write_text("\n".join(f"10.0.{i >> 8}.{i & 255}" for i in range(2000)))
    failed = replay(folder, "--config", str(config), "--blacklist", str(folder / "black"))
    assert "limit 1 addresses" in str(failed.exception)


def test_a_capture_that_breaks_off_is_reported_up_to_there(folder: Path) -> None:
    whole = (folder / "in.pcap").read_bytes()
    (folder / "in.pcap").write_bytes(whole[:-1])
    result = replay(folder, "--json", "--out", str(folder / "out.pcap"))
    found = json.loads(result.stdout)
    assert found["packets"] == len(mixed()) - 1
    assert str(found["error"]["offset"]) in str(result.exception)
    with (folder / "out.pcap").open("rb") as file:
        assert len(list(read_packets(file))) == found["forwarded"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"10.0", "at byte 0: magic 31302e30 is neither"),
        (b"\x1f\x8b\x08\x00", "at byte 0: file is compressed with gzip"),
        (b"", "at byte 0: file of 0 bytes"),
        (bytes.fromhex("d4c3b2a1") + bytes(16) + b"\x69\0\0\0", "at byte 20: link type is 105"),
    ],
)
def test_what_is_wrong_in_a_capture_is_said_with_its_name(
    folder: Path, content: bytes, says: str
) -> None:
    (folder / "in.pcap").write_bytes(content)
    result = replay(folder)
    assert f"capture {folder / 'in.pcap'}, {says}" in str(result.exception)


def test_a_capture_is_read_from_stdin(folder: Path) -> None:
    whole = (folder / "in.pcap").read_bytes()
    command = ["replay", "-", *INSIDE_ARGUMENTS, "--json", "--out", str(folder / "out.pcap")]
    result = CliRunner().invoke(app, command, input=whole)
    assert document(result)["packets"] == len(mixed())
    (folder / "out.pcap").unlink()
    assert document(CliRunner().invoke(app, command, input=whole))["forwarded"] > 0
    cut = CliRunner().invoke(app, command, input=whole[:-1])
    assert "capture stdin, at byte " in str(cut.exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--inside", "198.51.100.1/24"], "198.51.100.0/24"),
        (["--policy", "/nowhere/p.toml"], "can't be read"),
        (["--config", "/nowhere/secbeat.toml"], "can't be read"),
        (["--blacklist", "/nowhere/list"], "can't be read"),
        (["--allowlist", "/nowhere/list"], "can't be read"),
        (["--countries", "/nowhere/countries.db"], "/nowhere/countries.db"),
        (["--rules", "/nowhere/rules"], "can't be read"),
        (["--out", "/nowhere/out.pcap"], "can't be written"),
        (["--out", "{folder}/in.pcap"], "is the capture that is read"),
        (["--blacklist", "{folder}/bad"], "bad, line 2"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    folder: Path, arguments: list[str], says: str
) -> None:
    (folder / "bad").write_text("192.0.2.1\n192.0.2.256\n")
    before = (folder / "in.pcap").read_bytes()
    result = replay(folder, *(argument.format(folder=folder) for argument in arguments))
    assert says in str(result.exception)
    assert result.stdout == ""
    assert (folder / "in.pcap").read_bytes() == before


def test_without_inside_it_is_a_usage_error(folder: Path) -> None:
    assert CliRunner().invoke(app, ["replay", str(folder / "in.pcap")]).exit_code == 2


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that any user can reach; pytest's own is the runner's alone."""
    path = Path(tempfile.mkdtemp(prefix="secbeat-replay-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def test_it_runs_as_an_unprivileged_user(public_folder: Path) -> None:
    write_mixed(public_folder / "in.pcap")
    command = [sys.executable, "-m", "appliance.cli.main", "replay", str(public_folder / "in.pcap")]
    command += [*INSIDE_ARGUMENTS, "--json", "--out", str(public_folder / "out.pcap")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*_unprivileged(), *command],
        env=environment,
        cwd=public_folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["packets"] == len(mixed())
    assert done.stderr == ""


def _unprivileged() -> list[str]:
    """Become nobody; where nobody can't reach the sources, at least lose every capability."""
    if os.geteuid() != 0:
        return []
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    probe = [*as_nobody, sys.executable, "-c", f"import os; os.listdir({str(ROOT)!r})"]
    if subprocess.run(probe, capture_output=True, timeout=30, check=False).returncode == 0:
        return as_nobody
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def test_a_terminal_gets_a_progress_bar(folder: Path) -> None:
    command = [sys.executable, "-m", "appliance.cli.main", "replay", str(folder / "in.pcap")]
    terminal, other_end = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *INSIDE_ARGUMENTS, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=other_end,
        timeout=180,
        check=False,
    )
    os.close(other_end)
    shown = os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert json.loads(done.stdout)["packets"] == len(mixed())
    assert "in.pcap" in shown
    assert "100%" in shown


def test_the_pipeline_alone_is_enough(
    library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE)
    monkeypatch.setattr(loader, "_CANDIDATES", (tmp_path / "libsecbeat.so",))
    monkeypatch.setattr(native_replay, "_PIPELINE", Path(library._name))
    assert native_replay.load_library() is library
    monkeypatch.setattr(native_replay, "_PIPELINE", tmp_path / "libsecbeat-pipeline.so")
    with pytest.raises(ConfigurationError, match="is not built"):
        native_replay.load_library()


def geo_policy(folder: Path) -> list[str]:
    rule = 'name = "x"\n[[rules]]\ntype = "geo_block"\ncountries = ["DE"]\n'
    (folder / "geo.toml").write_text(rule)
    return ["--policy", str(folder / "geo.toml")]


def test_rules_about_countries_look_into_the_database_that_is_named(folder: Path) -> None:
    first, last = (int(ip_address(CLIENT4)) & mask for mask in (0xFFFFFF00, 0xFFFFFFFF))
    packed = pack_ranges([(first, last, index_of("DE"))], 32, folder)
    source = Source("test", datetime(2026, 1, 1, tzinfo=UTC), packed, bytes(24))
    database.write(folder / "countries.db", source, 0)
    arguments = [*geo_policy(folder), "--countries", str(folder / "countries.db")]
    found = document(replay(folder, "--json", *arguments))
    expected = sum(
        CLIENT4_BYTES in sample.captured
        for sample in mixed()
        if (sample.reason, sample.port) == (None, "outside") and "in its header" not in sample.name
    )
    assert found["dropped"]["geo_block"] == expected > 0
    assert found["rules"] == [
        {"profile": "default", "path": "rules[0]", "dropped": expected, "would_drop": 0}
    ]


def test_rules_about_countries_without_a_database_are_an_error(folder: Path) -> None:
    result = replay(folder, *geo_policy(folder))
    assert "--countries" in str(result.exception)
