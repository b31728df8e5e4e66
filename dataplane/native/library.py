"""Finds and loads ``libsecbeat``, and refuses a library that was built from other headers.

Declares the signatures of the pipeline and of ``reasons.c``. Each other function is declared by the
module that calls it.
"""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path
from typing import Any

from dataplane.base.errors import ConfigurationError
from dataplane.native import abi

ENVIRONMENT_VARIABLE = "SECBEAT_LIBRARY"
_PACKAGE = Path(__file__).resolve().parents[1]
_CANDIDATES = (
    _PACKAGE.parent / "build" / "libsecbeat.so",
    _PACKAGE / "libsecbeat.so",
    Path("/usr/lib/secbeat/libsecbeat.so"),
)


def load(path: Path | None = None) -> ctypes.CDLL:
    """Load libsecbeat: ``path``, else ``$SECBEAT_LIBRARY``, else the paths of builds and packages.

    The same file is loaded once. Raises ConfigurationError with the searched paths and the missing
    files, or if the library and ``abi.py`` come from different headers.
    """
    return _load(_find(path).resolve())


def _find(path: Path | None) -> Path:
    named = path or os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        if Path(named).is_file():
            return Path(named)
        origin = "" if path else f" (from ${ENVIRONMENT_VARIABLE})"
        raise ConfigurationError(f"libsecbeat: there is no file {named}{origin}")
    for candidate in _CANDIDATES:
        if candidate.is_file():
            return candidate
    places = ", ".join(str(candidate) for candidate in _CANDIDATES)
    raise ConfigurationError(
        f"libsecbeat is not built: none of {places} exists; `make -C dataplane/fastpath` builds it"
    )


@functools.cache
def _load(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be loaded: {error}; `ldd {path}` names what is missing"
        ) from error
    _check(library, path)
    _declare(library)
    return library


def _check(library: ctypes.CDLL, path: Path) -> None:
    try:
        text = (ctypes.c_char * (len(abi.ABI_HASH) + 1)).in_dll(library, "sb_abi_hash").value
    except ValueError as error:
        raise ConfigurationError(f"{path} is not libsecbeat: it has no sb_abi_hash") from error
    if text.decode(errors="replace") != abi.ABI_HASH:
        raise ConfigurationError(
            f"{path} was built from other headers (layout {text.decode(errors='replace')[:12]}) "
            f"than abi.py ({abi.ABI_HASH[:12]}): `make -C dataplane/fastpath abi all`"
        )


def _declare(library: ctypes.CDLL) -> None:
    # Addresses of Lcore, Burst, Time.
    for name in ("sb_pipeline_run", "sb_pipeline_resume"):
        _signature(library, name, None, [ctypes.c_void_p] * 3)
    _signature(library, "sb_client_lcore", ctypes.c_uint32, [ctypes.c_void_p, ctypes.c_char_p])
    _signature(library, "sb_profile_init", None, [ctypes.c_void_p])
    for name in ("sb_reason_name", "sb_reason_text", "sb_stage_name"):
        _signature(library, name, ctypes.c_char_p, [ctypes.c_uint32])
    for name in ("sb_reason_stage", "sb_reason_default_mode", "sb_reason_modes"):
        _signature(library, name, ctypes.c_uint32, [ctypes.c_uint32])


def _signature(library: ctypes.CDLL, name: str, restype: object, argtypes: list[Any]) -> None:
    function = getattr(library, name)
    function.restype = restype
    function.argtypes = argtypes
