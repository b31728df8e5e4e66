"""Long lists by the command line: importing, listing and flushing them, on one tree or on two."""
