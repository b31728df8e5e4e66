"""Secrets that everybody on the host can read, and what to do about each."""

from __future__ import annotations

import pytest

from appliance.doctor import Status
from tests.support.fakes.fake_host import FakeHost
from tests.unit.doctor.conftest import Examine

NODE, FLEET = "/etc/secbeat/secbeat.toml", "/etc/secbeat/orchestrator.toml"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"  # noqa: S105 - nobody's
TOKEN = {"url": "https://fleet.example:3030", "token_file": "/etc/secbeat/enrol.token"}


def put(fake: FakeHost, file: str, text: str, mode: int) -> None:
    fake.write(file, text)
    (fake.root / file.lstrip("/")).chmod(mode)


@pytest.mark.parametrize(
    ("file", "text", "what", "credential"),
    [
        (NODE, f'[webhooks]\nsecret = "{SECRET}"\n', "webhooks.secret", "webhooks-secret"),
        (FLEET, f'[webhooks]\nsecret = "{SECRET}"\n', "webhooks.secret", "webhooks-secret"),
        (
            NODE,
            f'\ufeff\n\ufeff[webhooks]\nsecret = "{SECRET}"\n',
            "webhooks.secret",
            "webhooks-secret",
        ),
        (
            FLEET,
            'database = "postgresql://secbeat:hidden@db/fleet"\n',
            "the password of database",
            "orchestrator-database-url",
        ),
    ],
)
def test_a_secret_in_a_configuration_that_all_can_read_is_to_be_a_credential(
    fake: FakeHost, findings: Examine, file: str, text: str, what: str, credential: str
) -> None:
    put(fake, file, text, 0o644)
    found = findings()["secrets"]
    assert found.status is Status.WARN
    assert found.what == f"{what} is in {file}, which everybody can read"
    assert f"/etc/credstore/secbeat.{credential}" in (found.command or "")
    assert not [part for part in (SECRET, "hidden") if part in str(found)]
    put(fake, file, text, 0o640)
    assert findings()["secrets"].status is Status.OK


@pytest.mark.parametrize(
    "text", ["not TOML [", "webhooks = 5\ndatabase = 7\n", 'database = "postgresql://db/x"\n']
)
def test_a_configuration_without_a_secret_may_be_read(
    fake: FakeHost, findings: Examine, text: str
) -> None:
    put(fake, FLEET, text, 0o644)
    assert findings()["secrets"].status is Status.OK


def test_the_enrolment_token_is_for_the_agents_user(fake: FakeHost, findings: Examine) -> None:
    put(fake, TOKEN["token_file"], "token", 0o644)
    found = findings(fleet=TOKEN)["secrets"]
    assert found.status is Status.WARN
    file = TOKEN["token_file"]
    assert (found.command or "").startswith(f"chown secbeat: {file} && chmod 600 {file}")
    put(fake, TOKEN["token_file"], "token", 0o600)
    assert findings(fleet=TOKEN)["secrets"].status is Status.OK


def test_a_credential_that_all_can_read_is_none(fake: FakeHost, findings: Examine) -> None:
    place = "/etc/credstore/secbeat.webhooks-secret"
    put(fake, "/etc/credstore/other", "x", 0o644)
    put(fake, place, SECRET, 0o644)
    found = findings()["secrets"]
    assert (found.status, found.command) == (Status.WARN, f"chmod 600 {place}")
    put(fake, place, SECRET, 0o600)
    assert findings()["secrets"].status is Status.OK
