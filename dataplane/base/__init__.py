"""The common base: errors, time, networks, durable files, logs, settings.

It does not depend on packets, on the native library, or on a process.
"""
