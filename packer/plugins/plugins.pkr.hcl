# What a current Packer installs first: `packer init packer/plugins`. Apart from the build, because Packer 1.6.6, which
# carries both plugins, refuses this block.
packer {
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.0.0, < 2.0.0"
    }
    ansible = {
      source  = "github.com/hashicorp/ansible"
      version = ">= 1.0.0, < 2.0.0"
    }
  }
}
