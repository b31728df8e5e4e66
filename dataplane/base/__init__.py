"""What everything else stands on: errors, time, networks, durable files, logs, settings.

Knows nothing of packets, of the native library, or of any process.
"""
