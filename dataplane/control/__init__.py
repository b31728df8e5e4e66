"""The data plane's side of the control socket: access control, and the rings of each lease."""
