"""An API whose data plane, if a test starts one, is a process with lists in C and no ports."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from api.management.settings import ApiSettings
from dataplane.native.library import ENVIRONMENT_VARIABLE
from tests.api.real_dataplane.real_api import RealApi
from tests.support.patient import be_patient
from tests.support.servers.dataplane import ROOT


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DPDK-free build is enough, if it is there."""
    pipeline = ROOT / "build" / "libsecbeat-pipeline.so"
    if pipeline.exists() and ENVIRONMENT_VARIABLE not in os.environ:
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(pipeline))


@pytest.fixture(autouse=True)
def _patient_api(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)


@pytest.fixture
def real(settings: ApiSettings) -> Iterator[RealApi]:
    found = RealApi(settings)
    yield found
    found.close()
