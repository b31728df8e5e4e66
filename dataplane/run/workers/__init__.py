"""The worker lcores: launched, watched, ended."""
