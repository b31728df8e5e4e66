"""The whole first boot: all parts in their order, and the mark of its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

from appliance.commands import Run
from appliance.host.files import Host
from appliance.host.firstboot import account, identity
from appliance.host.firstboot.seed import Seed, read_seed
from appliance.host.steps import Step, carry_out

DONE = "/var/lib/secbeat/first-boot-done"
"""This file exists when everything is done; then the unit does not run again."""
NO_CLOUD_INIT = "/run/secbeat-no-cloud-init"
"""This file keeps cloud-init from using a volume of SecBeat alone, in this boot."""
NO_CLOUD_INIT_EVER = "/etc/cloud/cloud-init.disabled"
"""cloud-init's own file for the same in later boots."""


def first_boot(host: Host, run: Run, *, image: bool) -> list[str]:
    """Run all steps that are not done yet; returns their descriptions.

    Args:
        host: the host.
        run: runs tools.
        image: the host is an image; ssh host keys, seed volume and account are steps too.

    Raises:
        HostError: a line for each part that failed. The others are done; the next boot tries again.
    """
    is_over = host.exists(DONE)
    steps = [*identity.steps(host, run)]
    seed: Seed | None = None
    if image:
        steps += identity.host_keys(host, run)
    if image and not is_over:
        seed = read_seed(host, run)
        steps += _seed_steps(host, seed) if seed else ()
        steps += account.steps(host, run, seed)
    done = carry_out(steps)
    if not is_over:
        _finish(host, seed, done)
    return done


def _seed_steps(host: Host, seed: Seed) -> Iterator[Step]:
    if not seed.is_cloud_inits:
        yield Step(
            "no cloud-init: the volume is not for it", lambda: host.install(NO_CLOUD_INIT, "")
        )
    yield from seed.troubles
    for place, content in seed.files.items():
        yield _put(host, place, content)


def _put(host: Host, place: str, content: bytes) -> Step:
    return Step(f"{place} from the volume", lambda: host.install(place, content))


def _finish(host: Host, seed: Seed | None, done: list[str]) -> None:
    ours_alone = seed is not None and not seed.is_cloud_inits
    if ours_alone and host.exists("/etc/cloud"):
        host.install(NO_CLOUD_INIT_EVER, "SecBeat's first boot found a volume of its own.\n")
    host.install(DONE, json.dumps({"done": done}, indent=2) + "\n")
