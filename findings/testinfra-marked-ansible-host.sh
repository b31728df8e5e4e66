#!/usr/bin/env bash
# pytest-testinfra 10.2.2 with ansible-core 2.19.14: an inventory plugin sets ansible_host.
#
# A good guess: testinfra connects to the ansible_host of a host, whichever inventory plugin has set it. Seen: ansible-inventory of 2.19
# prints a text that a plugin has set as {"__ansible_unsafe": "127.0.0.1"}, and testinfra's runner ends with an AssertionError, because it
# is no text. A text that the plugin marks with trust_as_template is printed as it is, and works. SecBeat's inventory plugin marks it.
#
# Runs without SecBeat, in a temporary folder, for about a minute. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pytest-testinfra==10.2.2 ansible-core==2.19.14
cd "$folder"
mkdir plugins
cat >plugins/small.py <<'END'
import os

from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template

DOCUMENTATION = """
name: small
short_description: One host.
options:
  plugin: {description: Name of the plugin., required: true}
"""


class InventoryModule(BaseInventoryPlugin):
    NAME = "small"

    def verify_file(self, path):
        return path.endswith("small.yml")

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        address = "127.0.0.1"
        self.inventory.add_host("web")
        marked = trust_as_template(address) if os.environ.get("MARKED") else address
        self.inventory.set_variable("web", "ansible_host", marked)
END
echo "plugin: small" >small.yml
cat >ask.py <<'END'
from testinfra.utils.ansible_runner import AnsibleRunner

try:
    print("connects to", AnsibleRunner.get_runner("small.yml").get_host("web").backend.hostname)
except AssertionError as error:
    print("AssertionError:", error)
END
export PATH="$folder/venv/bin:$PATH" ANSIBLE_INVENTORY_PLUGINS="$folder/plugins" ANSIBLE_INVENTORY_ENABLED=small
export ANSIBLE_LOCAL_TEMP="$folder/tmp" ANSIBLE_HOME="$folder/home"
as_set=$(python ask.py)
marked=$(MARKED=1 python ask.py)
echo "as set: $as_set"
echo "marked: $marked"
[ "$as_set" = "AssertionError: {'__ansible_unsafe': '127.0.0.1'}" ] && [ "$marked" != "$as_set" ] && [[ $marked == "connects to "* ]]
