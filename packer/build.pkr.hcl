# The roles that also roll out to running hosts, then a look at the result before the machine is powered off.

build {
  sources = ["source.qemu.appliance"]

  provisioner "ansible" {
    playbook_file   = "${var.tree}/playbooks/image.yml"
    command         = var.ansible_playbook
    user            = "packer"
    use_proxy       = false
    extra_arguments = ["--extra-vars", "secbeat_release_wheelhouse=${var.wheelhouse}"]
    ansible_env_vars = [
      "ANSIBLE_CONFIG=${var.tree}/playbooks/ansible.cfg",
      "ANSIBLE_HOST_KEY_CHECKING=False",
      "ANSIBLE_NOCOLOR=True",
      # For sudo, too, which takes its time while an emulated machine is still starting.
      "ANSIBLE_TIMEOUT=120",
    ]
  }

  provisioner "shell-local" {
    inline_shebang = "/bin/sh -e"
    inline = [
      "cd '${var.tree}'",
      join(" ", [
        "'${var.python}' -m pytest -q -p no:cacheprovider tests/image/build --sudo",
        "--hosts=ssh://packer@${build.Host}:${build.Port} --ssh-identity-file='${var.private_key}'",
        "--ssh-extra-args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        # One connection for all tests: without a path ssh makes one for each command.
        "-o ControlMaster=auto -o ControlPersist=60s -o ControlPath=${dirname(var.private_key)}/ssh -o ConnectTimeout=120'",
      ]),
    ]
  }
}
