"""An archive that is damaged, altered or of something else is refused, and nothing is replaced."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.backup import archive
from appliance.backup.create import create
from appliance.backup.errors import ArchiveError, BackupError
from appliance.backup.manifest import FORMAT, NAME, Manifest, require_known
from appliance.backup.places import NODE_DATABASE
from dataplane.base.version import version
from tests.unit.backup.conftest import Host

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def made(host: Host, file: Path) -> Path:
    create(host.places, file)
    return file


def members(file: Path) -> Members:
    with tarfile.open(file) as opened:
        return [
            (info, stream.read() if (stream := opened.extractfile(info)) else b"")
            for info in opened
        ]


def write(file: Path, content: Members) -> None:
    """An archive that is sound as tar and gzip."""
    with tarfile.open(file, "w:gz", format=tarfile.PAX_FORMAT) as opened:
        for info, data in content:
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))


def info(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    return made


def altered(content: Members, name: str, change: Callable[[bytes], bytes]) -> Members:
    return [(one, change(data) if one.name == name else data) for one, data in content]


def test_what_was_made_is_whole(made: Path):
    names = [one.name for one, _ in members(made)]
    assert names[-1] == NAME
    assert {one.path for one in archive.check(made).members} == set(names[:-1])


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_one_is_refused(made: Path, part: float):
    data = made.read_bytes()
    made.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ArchiveError, match=re.escape(str(made))):
        archive.check(made)


def test_each_altered_byte_is_found(made: Path):
    """Of the tar file in it: some bits of gzip have no effect on what comes out."""
    data, content = made.read_bytes(), gzip.decompress(made.read_bytes())
    refused = 0
    for place in range(10, len(data), max(1, len(data) // 200)):
        made.write_bytes(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
        try:
            archive.check(made)
        except BackupError:
            refused += 1
        else:
            assert gzip.decompress(made.read_bytes()) == content
    assert refused > 100


def test_an_altered_file_in_a_sound_archive_is_named(made: Path):
    write(made, altered(members(made), "node/keys/admin.key", lambda data: data[:-1] + b"?"))
    with pytest.raises(ArchiveError, match=r"node/keys/admin\.key was altered"):
        archive.check(made)


def test_a_missing_and_an_added_file_are_named(made: Path):
    content = members(made)
    write(made, [one for one in content if one[0].name != "node/node-id"])
    with pytest.raises(ArchiveError, match="node/node-id is missing"):
        archive.check(made)
    write(made, [(info("node/added"), b"x"), *content])
    with pytest.raises(ArchiveError, match="node/added is not in its manifest"):
        archive.check(made)


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/etc/passwd", "node/../../x", "home/x", "node//x", "node/a\nb"]
)
def test_a_path_outside_is_refused(made: Path, name: str):
    write(made, [(info(name), b"x"), *members(made)])
    with pytest.raises(ArchiveError, match="is no path of a backup"):
        archive.check(made)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_is_refused(made: Path, kind: bytes):
    link = info("node/link", kind)
    link.linkname = "/etc/passwd"
    write(made, [(link, b""), *members(made)])
    with pytest.raises(ArchiveError, match="neither a file nor a directory"):
        archive.check(made)


def test_a_file_that_is_in_it_twice_is_refused(made: Path):
    content = members(made)
    write(made, [next(one for one in content if one[0].name == "node/node-id"), *content])
    with pytest.raises(ArchiveError, match="twice"):
        archive.check(made)


def test_what_follows_the_manifest_is_refused(made: Path):
    write(made, [*members(made), (info("node/late"), b"x")])
    with pytest.raises(ArchiveError, match=r"comes after manifest\.json"):
        archive.check(made)


def test_other_files_are_no_backup(file: Path):
    file.write_text("hello")
    with pytest.raises(ArchiveError, match="damaged or cut off"):
        archive.check(file)
    file.write_bytes(gzip.compress(b"hello"))
    with pytest.raises(ArchiveError):
        archive.check(file)
    write(file, [(info("node/x"), b"x")])
    with pytest.raises(ArchiveError, match=r"has no manifest\.json"):
        archive.check(file)
    with pytest.raises(BackupError, match="No such file"):
        archive.check(file.with_name("missing"))


def test_a_manifest_that_breaks_a_rule_is_named(made: Path):
    write(made, altered(members(made), NAME, lambda data: data.replace(b'"mode"', b'"mood"', 1)))
    with pytest.raises(ArchiveError, match=r"manifest\.json is not valid: members\.0"):
        archive.check(made)


def manifest(**values: Any) -> Manifest:
    known = {"format": FORMAT, "version": version(), "created": "", "host": "", "schemas": {}}
    return Manifest.model_validate({**known, "members": [], **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"version": "99.0"}, "is of SecBeat 99.0"),
        ({"format": FORMAT + 1}, f"format {FORMAT + 1}"),
        ({"schemas": {NODE_DATABASE: "9999"}}, "has schema 9999"),
        ({"schemas": {"node/other.db": "0001"}}, "has schema 0001"),
    ],
)
def test_a_newer_one_is_refused_with_what_to_install(values: dict[str, Any], message: str):
    with pytest.raises(BackupError, match=f"{message}.*install"):
        require_known(manifest(**values))


def test_an_older_one_and_its_own_are_known():
    require_known(manifest(version="0.0.9", schemas={NODE_DATABASE: "0001"}))
    require_known(manifest())
