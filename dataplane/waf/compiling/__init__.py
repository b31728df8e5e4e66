"""The compile helper: a process that tests patterns and compiles them, each in a limited child."""
