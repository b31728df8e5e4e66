"""What a run leaves behind, and who may clean it."""

import pytest

from appliance.lab import claim
from appliance.lab.instance import Instance
from tests.image.support import run


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty folders instead of the host's."""
    labs, temporary = tmp_path / "labs", tmp_path / "temporary"
    labs.mkdir()
    temporary.mkdir()
    monkeypatch.setattr("appliance.lab.instance.LABS", labs)
    monkeypatch.setattr("appliance.lab.claim.LABS", labs)
    monkeypatch.setattr(run, "LABS", labs)
    monkeypatch.setattr(run, "TEMPORARY", temporary)
    return labs, temporary


def test_a_run_that_is_no_more_is_left_over(places):
    labs, temporary = places
    (labs / "image-11").mkdir()
    (temporary / "secbeat-image-12").mkdir()
    assert [instance.name for instance in run.leftovers()] == ["image-11", "image-12"]


def test_a_run_that_lives_is_not(places):
    held = claim.claim_new(Instance("image-13"))
    try:
        assert run.leftovers() == []
    finally:
        held.release()


def test_what_is_not_a_runs_is_not_touched(places):
    labs, temporary = places
    for path in (labs / "default", labs / "image-x", temporary / "secbeat-image-1a"):
        path.mkdir()
    assert run.leftovers() == []
