#!/usr/bin/env bash
# ansible-core 2.19.14: a task's command outlives the process group of ansible-playbook.
#
# A good guess: whoever kills the process group of ansible-playbook (SIGKILL, as a supervisor does at a deadline) ends the command that a
# task runs. Seen: workers make a session of their own, so the command is in another group, and goes on. ansible-runner cancels by the
# process group, too. SecBeat therefore runs playbooks below a subreaper that ends all descendants
# (appliance/provisioner/playbook/descendants.py).
#
# Runs without SecBeat, in a temporary folder, for some seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ansible-core==2.19.14
cat >"$folder/wait.yml" <<END
- name: One task
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Write down who this is, and wait
      ansible.builtin.shell: echo \$\$ >$folder/pid.new && mv $folder/pid.new $folder/pid && exec sleep 60
END
"$folder/venv/bin/python" - "$folder" <<'END'
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
python = f"ansible_python_interpreter={sys.executable}"
playbook = subprocess.Popen(
    [folder / "venv/bin/ansible-playbook", "-i", "localhost,", "-e", python, folder / "wait.yml"],
    env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    start_new_session=True,
)
until = time.monotonic() + 60
while not (folder / "pid").exists() and time.monotonic() < until:
    time.sleep(0.1)
task = int((folder / "pid").read_text())
group, session = os.getpgid(task), os.getsid(task)
os.killpg(playbook.pid, signal.SIGKILL)
playbook.wait()
time.sleep(2)
survives = Path(f"/proc/{task}/comm").read_text().strip() == "sleep" if Path(f"/proc/{task}").exists() else False
print(f"ansible-playbook: group {playbook.pid}; its task: group {group}, session {session}")
print(f"two seconds after SIGKILL to the group the task's command goes on: {survives}")
if survives:
    os.kill(task, signal.SIGKILL)
sys.exit(not (survives and group != playbook.pid))
END
