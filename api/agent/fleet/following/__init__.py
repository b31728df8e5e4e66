"""Following: what the fleet wants is asked for, brought to each part, and remembered."""
