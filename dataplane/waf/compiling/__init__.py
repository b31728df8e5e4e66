"""The compile helper: a process that tries patterns and compiles them, each in a limited child."""
