"""The loader: where it looks, what it refuses, and what it says then."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.native import abi
from dataplane.native import library as loader


def compiled(path: Path, source: str) -> Path:
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-o", str(path), "-"]
    subprocess.run(command, input=source, text=True, check=True, timeout=180)
    return path


def test_the_same_file_is_loaded_once(library: ctypes.CDLL) -> None:
    path = Path(library._name)
    assert loader.load(path) is loader.load(path.parent / "." / path.name)


def test_a_library_from_other_headers_is_refused(tmp_path: Path) -> None:
    other = "ab" * 32
    path = compiled(tmp_path / "other.so", f'const char sb_abi_hash[] = "{other}";')
    with pytest.raises(ConfigurationError, match=f"{other[:12]}.*{abi.ABI_HASH[:12]}.*make"):
        loader.load(path)


def test_a_library_of_something_else_is_refused(tmp_path: Path) -> None:
    path = compiled(tmp_path / "alien.so", "int answer(void) { return 42; }")
    with pytest.raises(ConfigurationError, match="is not libsecbeat"):
        loader.load(path)


def test_a_library_that_cannot_be_loaded_says_how_to_find_out(tmp_path: Path) -> None:
    path = tmp_path / "broken.so"
    path.write_bytes(b"not ELF")
    with pytest.raises(ConfigurationError, match="ldd"):
        loader.load(path)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "none.so"
    with pytest.raises(ConfigurationError, match=str(missing)):
        loader.load(missing)
    monkeypatch.setenv(loader.ENVIRONMENT_VARIABLE, str(missing))
    with pytest.raises(ConfigurationError, match=r"from \$SECBEAT_LIBRARY"):
        loader.load()


def test_an_unbuilt_library_names_every_place_and_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(loader.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(loader, "_CANDIDATES", (tmp_path / "a.so", tmp_path / "b.so"))
    with pytest.raises(ConfigurationError, match=r"a\.so.*b\.so.*make -C dataplane/fastpath"):
        loader.load()
