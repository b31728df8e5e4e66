"""Backup of a host in one archive, and restore: ``secbeat backup``, described in docs/backup.md.

`places` names what a backup contains, and `machines` what it leaves out. `create` writes an
archive, `archive` and `manifest` check one, `restore` puts it in place through `swap`, and `units`
stops and starts the processes.
"""
