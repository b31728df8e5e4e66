"""Carries a question to a provider through ansible-runner: the playbook runs the provider.

``python -m appliance.provisioner.playbook`` speaks the protocol of ``docs/scaling-providers.md``
like a provider. The provisioner kills it by its process group; since ansible-core 2.19 a task runs
in a session of its own, which that does not reach. So the playbook runs below a keeper in another
session, which ends all that it has started when the process in the group is gone.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""Where the packages lie: the source tree, or site-packages."""
_SHARE = ROOT if (ROOT / "playbooks").is_dir() else Path(sys.prefix) / "share" / "secbeat"
FOLDER = _SHARE / "playbooks"
SCALE = FOLDER / "scale.yml"
