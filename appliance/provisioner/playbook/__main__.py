"""The process in the provisioner's group: starts the keeper, passes it the request, and waits.

The keeper's standard input stays open as long as this process lives; its end tells the keeper to
end the playbook.
"""

from __future__ import annotations

import subprocess
import sys


def main(arguments: list[str]) -> int:
    """Returns the keeper's exit code."""
    question = sys.stdin.buffer.readline()
    keeper = subprocess.Popen(
        [sys.executable, "-B", "-m", "appliance.provisioner.playbook.keeper", *arguments],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    if keeper.stdin is None:
        raise ValueError("not a pipe")
    keeper.stdin.write(question)
    keeper.stdin.flush()
    return keeper.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
