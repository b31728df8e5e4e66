"""Jobs, databases and manifests on the disk: what was damaged or is another's is not taken."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from dataplane.native import abi
from dataplane.waf.exchange import image, job
from dataplane.waf.exchange.cache import MANIFEST, NOTHING, Cache, Cached, CachedTier
from dataplane.waf.exchange.image import ImageError, ImageHeader
from dataplane.waf.exchange.job import JobError, JobWriter, Member

MEMBERS = [
    Member(5, 1, 'a"\\é\n', ("any",)),
    Member(9, 2, "b", ("body", "header:x-a", "header:x-b", "path")),
]
HEADER_BYTES = 132
"""What of the first page says something; the rest is filled up."""
DATA = bytes(range(256)) * 40


def write_job(directory: Path, members: list[Member]) -> bytes:
    writer = JobWriter(directory)
    for _ in writer.write(members, len(members)):
        pass
    return writer.name


def write_image(path: Path) -> ImageHeader:
    header = ImageHeader("5.4.0 x", bytes(range(32)), 3, len(DATA), zlib.crc32(DATA), 7)
    image.write(path, header, DATA)
    return header


def read_image(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        header = image.read_header(fd)
        memory = bytearray(header.size)
        view = memoryview(memory)
        chunks = (view[start : start + 1000] for start in range(0, header.size, 1000))
        for _ in image.read_into(fd, header, chunks):
            pass
    finally:
        os.close(fd)
    return bytes(memory)


def test_a_job_comes_back_as_it_was_written(tmp_path: Path) -> None:
    name = write_job(tmp_path, MEMBERS)
    assert job.read(tmp_path, name) == MEMBERS
    assert [path.name for path in tmp_path.iterdir()] == [f"{name.hex()}.job"]


def test_the_same_rules_are_the_same_job(tmp_path: Path) -> None:
    assert write_job(tmp_path, MEMBERS) == write_job(tmp_path, MEMBERS)
    assert write_job(tmp_path, MEMBERS) != write_job(tmp_path, MEMBERS[:1])


def test_a_job_that_was_changed_is_not_read(tmp_path: Path) -> None:
    name = write_job(tmp_path, MEMBERS)
    path = job.path_of(tmp_path, name)
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"c"'))
    with pytest.raises(JobError):
        job.read(tmp_path, name)


def test_a_job_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    steps = JobWriter(tmp_path).write(MEMBERS, len(MEMBERS))
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_each_target_has_its_class() -> None:
    assert MEMBERS[0].classes == {abi.WafClass.ANY}
    assert MEMBERS[1].classes == {abi.WafClass.BODY, abi.WafClass.HEADER, abi.WafClass.PATH}


def test_an_image_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    written = write_image(path)
    fd = os.open(path, os.O_RDONLY)
    assert image.read_header(fd) == written
    os.close(fd)
    assert read_image(path) == DATA


def test_no_changed_byte_of_an_image_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    write_image(path)
    good = path.read_bytes()
    used = [*range(HEADER_BYTES), *range(image.PAGE, len(good), 97), len(good) - 1]
    for at in used:
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises(ImageError):
            read_image(path)


@pytest.mark.parametrize("cut", [0, 1, 100, image.PAGE, image.PAGE + 5])
def test_an_image_that_was_cut_is_not_taken(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.db"
    write_image(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ImageError):
        read_image(path)


def test_a_manifest_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "5.4.0 2021-01-26")
    tiers = {"main": CachedTier(bytes(range(32)), ((0, "a-0.db"), (6, "a-6.db")))}
    stored = Cached(tiers, frozenset({3, 70}))
    cache.store(stored)
    assert Cache(tmp_path, "5.4.0 2021-01-26").load() == stored
    assert Cache(tmp_path, "5.4.11 2023-11-19").load() == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"format":1,"tiers":{}}',
        '{"format":2,"tiers":{"main":{"job":"zz","files":[]}},"refused":[]}',
        '{"format":2,"tiers":{"main":{"job":"00","files":[[0,"../x"]]}},"refused":[]}',
        '{"format":2,"tiers":{"main":{"job":"00","files":[["a","x"]]}},"refused":[]}',
        '{"format":2,"tiers":[],"refused":[]}',
        '{"format":2,"tiers":{"main":{"job":"00","files":[]}},"refused":["a"]}',
        '{"format":2,"tiers":{"main":{"job":"00","files":[]}}}',
        "\udcff",
    ],
)
def test_a_manifest_that_is_none_is_as_if_it_was_not_there(tmp_path: Path, text: str) -> None:
    cache = Cache(tmp_path, "5.4.0")
    (cache.directory / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    assert cache.load() == NOTHING


def test_files_that_nothing_refers_to_are_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "5.4.0")
    name = write_job(cache.directory, MEMBERS)
    other = bytes(32)
    for path in (f"{name.hex()}-0.db", f".{name.hex()}-1.db.77", f"{other.hex()}-0.db", ".job.1.2"):
        (cache.directory / path).touch()
    cache.store(NOTHING)
    cache.keep_only({name})
    left = {path.name for path in cache.directory.iterdir()}
    assert left == {
        MANIFEST,
        f"{name.hex()}.job",
        f"{name.hex()}-0.db",
        f".{name.hex()}-1.db.77",
    }
