"""What the steps use of the host: commands, Debian roots, disks, boot loaders, namespaces, KVM."""
