"""Links that are taken down on purpose: rules, kernel, and the duty of the control loop."""
