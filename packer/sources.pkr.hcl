# The base image as a machine. What is in qemuargs replaces Packer's own argument of the same name.

source "qemu" "appliance" {
  iso_url          = var.base_image
  iso_checksum     = var.base_checksum
  disk_image       = true
  skip_resize_disk = true
  format           = "raw"
  disk_interface   = "virtio"
  # The disk is thrown away if the machine or this host fails.
  disk_cache       = "unsafe"
  output_directory = var.output_directory
  vm_name          = "secbeat.raw"

  machine_type     = "q35"
  accelerator      = var.accelerator
  cpus             = var.cpus
  memory           = var.memory_mib
  headless         = true
  disable_vnc      = true
  vnc_bind_address = "127.0.0.1"
  qemuargs = [
    ["-cpu", var.cpu_model],
    ["-display", "none"],
    ["-serial", "file:${var.serial_log}"],
    # Packer's own forward would listen on all addresses.
    ["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"],
    ["-device", "virtio-net-pci,netdev=user.0"],
    ["-device", "virtio-rng-pci"],
  ]

  communicator         = "ssh"
  ssh_username         = "packer"
  ssh_private_key_file = var.private_key
  ssh_timeout          = "10m"
  boot_wait            = "-1s"
  shutdown_command     = "sudo systemctl poweroff"
  shutdown_timeout     = "5m"
}
