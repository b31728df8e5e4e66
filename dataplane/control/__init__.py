"""The data plane's side of the control socket: who may connect, and the rings of each lease."""
