"""The control loop: its turns, the commands that it executes, the values that it publishes."""
