"""The control loop: its turns, the commands it carries out, the values it publishes."""
