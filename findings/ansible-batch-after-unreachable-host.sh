#!/usr/bin/env bash
# ansible-core 2.19.14: a play with serial: 2, and an unreachable host in its first batch.
#
# A good guess: with max_fail_percentage: 0 or any_errors_fatal: true, no batch begins after an unreachable host. Seen: with either of them
# the second batch runs. max_fail_percentage counts failed hosts only. With any_errors_fatal the strategy marks the whole batch as failed,
# and the executor then compares the number of lost hosts with the size of the batch, in which the unreachable host counts twice; they
# differ, so the executor continues. A task that fails instead of being unreachable ends the run, as expected. SecBeat's playbooks begin
# each batch with a task that refuses to go on after a lost host.
#
# Runs without SecBeat, in a temporary folder, for about a minute. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ansible-core==2.19.14
cd "$folder"
cat >hosts <<'END'
[unreachable]
a ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
[local]
b
c
d
[local:vars]
ansible_connection=local
END
play() { # NAME SETTING: writes a playbook with this setting
    cat >"$1.yml" <<END
- hosts: a,b,c,d
  gather_facts: false
  serial: 2
  $2
  tasks:
    - ansible.builtin.command: {argv: ["{{ 'false' if inventory_hostname == broken | default('') else 'true' }}"]}
    - ansible.builtin.debug: {msg: "reached {{ inventory_hostname }}"}
END
}
reached() { # PLAYBOOK OPTION...: the hosts that came to the last task
    playbook=$1
    shift
    venv/bin/ansible-playbook -i hosts "$playbook.yml" -e ansible_python_interpreter=/usr/bin/python3 "$@" >"$playbook.log" 2>&1 || :
    { grep -o '"reached [a-d]"' "$playbook.log" || :; } | tr -d '"' | cut -d' ' -f2 | sort | tr -d '\n'
}
export ANSIBLE_LOCAL_TEMP="$folder/tmp" ANSIBLE_HOME="$folder/home" LC_ALL=C.UTF-8
play percentage "max_fail_percentage: 0"
play fatal "any_errors_fatal: true"
play failing "any_errors_fatal: true"
sed -i 's/hosts: a,b,c,d/hosts: b,c,d/' failing.yml
percentage=$(reached percentage)
fatal=$(reached fatal)
failing=$(reached failing -e broken=b)
echo "max_fail_percentage: 0, a unreachable: reached $percentage"
echo "any_errors_fatal: true, a unreachable: reached $fatal"
echo "any_errors_fatal: true, b fails:       reached ${failing:-none}"
[[ $percentage == *c*d* && $fatal == *c*d* && -z $failing ]]
