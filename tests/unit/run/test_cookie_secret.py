"""The secret of SYN cookies: kept by a node, derived by epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.native import abi
from dataplane.run.opening.cookie_secret import FILE_NAME, SECRET_BYTES, kept_secret
from dataplane.tables.syn_proxy_table import CookieSecrets

SLOT_MS = 1000 * abi.COOKIE_SLOT_S
EPOCH_MS = SLOT_MS * abi.COOKIE_EPOCH
SECRET = b"sixteen or more bytes"


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = kept_secret(tmp_path)
    assert len(made) == SECRET_BYTES
    assert kept_secret(tmp_path) == made
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_one_that_was_not_written_to_its_end_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"half")
    made = kept_secret(tmp_path)
    assert len(made) == SECRET_BYTES
    assert kept_secret(tmp_path) == made


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        kept_secret(tmp_path / "nowhere")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes, must be at least 16"):
        CookieSecrets(abi.Node(), b"short")


def keys(node: abi.Node) -> list[tuple[int, ...]]:
    return [tuple(one) for one in node.cookie_key]


def test_the_key_of_an_epoch_is_there_before_and_after_it(tmp_path: Path) -> None:
    node = abi.Node()
    secrets = CookieSecrets(node, SECRET)
    for slot in range(abi.COOKIE_EPOCH, 4 * abi.COOKIE_EPOCH):
        secrets.update(slot * SLOT_MS)
        assert node.cookie_slot == slot
        for used in {slot, max(slot - 1, abi.COOKIE_EPOCH)}:
            epoch = used // abi.COOKIE_EPOCH
            assert keys(node)[epoch % 2] == secrets.words(epoch)


def test_a_key_is_never_changed_while_it_is_used() -> None:
    node = abi.Node()
    secrets = CookieSecrets(node, SECRET)
    secrets.update(10 * EPOCH_MS)
    for slot in range(10 * abi.COOKIE_EPOCH, 13 * abi.COOKIE_EPOCH):
        before = keys(node)[slot // abi.COOKIE_EPOCH % 2]
        secrets.update(slot * SLOT_MS)
        assert keys(node)[slot // abi.COOKIE_EPOCH % 2] == before


def test_the_same_secret_gives_the_same_keys_and_another_others() -> None:
    ours, theirs, strange = (
        CookieSecrets(abi.Node(), secret) for secret in (SECRET, SECRET, SECRET[::-1])
    )
    assert ours.words(7) == theirs.words(7)
    assert len({ours.words(7), ours.words(8), strange.words(7)}) == 3
