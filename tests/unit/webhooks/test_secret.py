"""The secret: decoded strictly, made once."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from api.webhooks import secret
from dataplane.base.errors import ConfigurationError


@pytest.mark.parametrize("size", [24, 32, 64])
@pytest.mark.parametrize("prefix", ["whsec_", ""])
def test_a_secret_is_standard_base64(size: int, prefix: str) -> None:
    key = bytes(range(200, 200 + 24)) + bytes(size - 24)
    assert secret.decode(prefix + base64.b64encode(key).decode()) == key
    assert secret.decode(secret.encode(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        # 24 bytes in URL-safe base64: a lenient decoder makes 19 of them.
        "whsec_6Onq6-zt7u_w8fLz9PX29_j5-vv8_f7_",
        "whsec_" + base64.b64encode(bytes(25)).decode().rstrip("="),
        "whsec_" + base64.b64encode(bytes(24)).decode() + "\n",
        "whsec_\u00e9" + base64.b64encode(bytes(24)).decode(),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_ and then 24 to 64 bytes in standard"):
        secret.decode(text)


def test_it_is_made_once_for_its_reader_alone(tmp_path: Path) -> None:
    file = tmp_path / "webhooks.secret"
    key = secret.load(file)
    assert len(key) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret.load(file) == key
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_with_something_else_is_said(tmp_path: Path) -> None:
    file = tmp_path / "webhooks.secret"
    file.write_text("hello\n")
    with pytest.raises(ConfigurationError, match=r"webhooks\.secret: must be whsec_"):
        secret.load(file)
