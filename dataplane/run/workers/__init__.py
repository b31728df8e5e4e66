"""The worker lcores: launch, watchdog, end."""
