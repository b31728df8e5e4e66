#!/usr/bin/env bash
# ansible-core 2.19.14: a host to which the controller can't connect, because the controller has no ssh program.
#
# A good guess: the host counts as unreachable, as every host without a connection does: no rescue runs for it, and unreachable=1 stands
# in the recap. Seen: the task fails, and its rescue runs (unreachable=0 rescued=1). With an ssh that ends with 255, the same play
# reports the host as unreachable, and no rescue runs. A test or a playbook that tells the two apart needs ssh on the controller; SecBeat's
# tests use an ssh that ends with 255, because the root in which the image is built has none.
#
# Runs without SecBeat, in a temporary folder, for some seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ansible-core==2.19.14
cd "$folder"
printf '#!/bin/sh\nexit 255\n' >refusing
chmod +x refusing
cat >play.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.raw: "true"
      rescue:
        - ansible.builtin.debug: {msg: rescued}
END
export ANSIBLE_LOCAL_TEMP="$folder/tmp" ANSIBLE_HOME="$folder/home" ANSIBLE_NOCOLOR=1 LC_ALL=C.UTF-8
recap() {
    venv/bin/ansible-playbook -i "web, " -e "ansible_connection=ssh ansible_ssh_executable=$1" play.yml 2>/dev/null |
        grep -oE '(unreachable|failed|rescued)=[0-9]' | xargs || true
}
missing=$(recap "$folder/none")
refusing=$(recap "$folder/refusing")
echo "no ssh program: $missing"
echo "ssh ends with 255: $refusing"
[ "$missing" = "unreachable=0 failed=0 rescued=1" ] && [ "$refusing" = "unreachable=1 failed=0 rescued=0" ]
