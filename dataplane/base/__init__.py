"""The common base: errors, time, networks, durable files, logs, settings.

Input of users is parsed in `input`; `process` has sockets and reports to the service manager. The
base does not depend on packets, on the native library, or on one of the processes.
"""
