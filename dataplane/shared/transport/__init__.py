"""How things cross: memory that is shared, the rings in it, what is said on the control socket."""
