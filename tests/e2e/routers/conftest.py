"""Two nodes between two routers: node a takes its links down when it drains, node b keeps them.

They are made anew for each module. With the scope ``package`` both nodes would poll until the end
of the run: the folders of the tests are no packages, so pytest ends the fixture with the session.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.routers.layout import BOTH, Site, site

SECRET = "shared by both nodes"  # noqa: S105
CONFIG = """
[connections]
learning_seconds = 0
[links]
loss_forwarding = "on"
hold_seconds = 1
[drain]
links = "{links}"
connections_seconds = 10
quiet_seconds = 5
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    configs = [CONFIG.format(links=links) for links in ("down", "keep")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYN_COOKIE_SECRET", SECRET)
        with site(tmp_path_factory.mktemp("routers"), configs) as made:
            yield made


@pytest.fixture(name="site")
def whole(both: Site) -> Site:
    """Each test begins with both paths in use."""
    both.wait_for_paths(BOTH)
    return both
