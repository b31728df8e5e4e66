"""Held links: the rules, the kernel's interfaces, and the duty of the control loop."""
