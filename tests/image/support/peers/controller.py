"""The host from which an operator runs the playbooks on a machine."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.image.support.vms.ssh import HOST
from tests.image.support.vms.vm import VM
from tests.support.documents.playbooks import TREE, ansible, recap

PLAYBOOK_S = 3000
"""For one run: pip and the compiling of Python files take minutes on an emulated CPU."""
WAIT_S = 900
"""That the machine is given to be healthy."""
SHOWN_MAX = 6000
"""Characters of a playbook's output in a failure."""
JOURNAL = "systemctl --failed --no-pager; sudo journalctl --no-pager --lines=200 --unit='secbeat-*'"
"""What the machine itself tells about a failure."""
JOURNAL_S = 300


@dataclass(frozen=True)
class Controller:
    """Where the playbooks are run."""

    node: VM
    home: Path
    lasted: list[str] = field(default_factory=list)
    """A line for each run: what ran, and for how long."""

    @classmethod
    def make(cls, node: VM, parent: Path) -> Controller:
        """With a home directory of its own below this one."""
        home = parent / "controller"
        home.mkdir(mode=0o700)
        return cls(node, home)

    def play(self, playbook: str, wheelhouse: Path, *groups: str) -> dict[str, int]:
        """Run one to a good end, the machine being in these groups; returns its last counts.

        Raises:
            AssertionError: it failed, or was not over within `PLAYBOOK_S`; with its last output,
                and with the machine's journal if it failed.
        """
        inventory = self.home / "inventory.yml"
        inventory.write_text(json.dumps({group: {"hosts": {HOST: {}}} for group in groups}))
        given = {"release_wheelhouse": str(wheelhouse), "rollout_wait_seconds": WAIT_S}
        started = time.monotonic()
        try:
            done = ansible(
                *("ansible-playbook", "-i", inventory, TREE / "playbooks" / playbook),
                *("-e", json.dumps({f"secbeat_{name}": value for name, value in given.items()})),
                home=self.home,
                bound_s=PLAYBOOK_S,
                ANSIBLE_SSH_COMMON_ARGS=f"-F {self.node.access.configuration}",
                ANSIBLE_TIMEOUT="120",
            )
        except subprocess.TimeoutExpired as late:
            shown = (late.stdout or b"").decode(errors="replace")[-SHOWN_MAX:]
            raise AssertionError(f"{playbook} was not over in {PLAYBOOK_S} s: {shown}") from None
        if done.returncode != 0:
            said = (done.stdout + done.stderr)[-SHOWN_MAX:]
            raise AssertionError(f"{said}\n{self.node.access.run(JOURNAL, JOURNAL_S).stdout}")
        took_s = time.monotonic() - started
        self.lasted.append(f"{playbook} for {', '.join(groups)}: {took_s:.0f} s")
        return dict(recap(done.stdout)[HOST])
