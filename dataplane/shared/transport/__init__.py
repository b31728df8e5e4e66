"""The transport between processes: shared memory, the rings in it, the messages on the control
socket."""
