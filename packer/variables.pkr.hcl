# All values come from `python -m appliance.image build`; see appliance/image/steps/packer.py.

variable "base_image" {
  type        = string
  description = "Raw disk: Debian 13, the run-time packages, and the build account with this build's key."
}

variable "base_checksum" {
  type        = string
  description = "Its checksum, as \"sha256:...\"."
}

variable "output_directory" {
  type        = string
  description = "Where the disk of the finished machine goes; must not exist."
}

variable "accelerator" {
  type        = string
  description = "kvm or tcg."
}

variable "cpu_model" {
  type        = string
  description = "QEMU's -cpu."
}

variable "cpus" {
  type = number
}

variable "memory_mib" {
  type = number
}

variable "private_key" {
  type        = string
  description = "File with the build account's private key."
}

variable "serial_log" {
  type        = string
  description = "File for what the machine prints on its serial port."
}

variable "wheelhouse" {
  type        = string
  description = "Folder with the wheels and requirements.txt."
}

variable "ansible_playbook" {
  type        = string
  description = "The ansible-playbook of the locked environment."
}

variable "python" {
  type        = string
  description = "The python of the locked environment."
}

variable "tree" {
  type        = string
  description = "The source tree."
}
