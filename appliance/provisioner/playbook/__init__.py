"""Runs a provider through ansible-runner: the playbook runs the provider.

``python -m appliance.provisioner.playbook`` uses the protocol of ``docs/scaling-providers.md`` like
a provider. The provisioner kills it by its process group. Since ansible-core 2.19 a task runs in a
session of its own, outside of this group. So the playbook runs below a keeper in another session,
which ends all of its descendants when the process in the group has ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The directory of the packages: the source tree, or site-packages."""
_SHARE = ROOT if (ROOT / "playbooks").is_dir() else Path(sys.prefix) / "share" / "secbeat"
FOLDER = _SHARE / "playbooks"
SCALE = FOLDER / "scale.yml"
