"""The commands: one module, or one folder, for each word after ``secbeat``."""
