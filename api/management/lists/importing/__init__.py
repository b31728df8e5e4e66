"""Imports of up to a million entries, which do not delay single bans.

A body is parsed into a scratch database (`parse`), for a large body in a separate process, so that
the API's interpreter stays free. The rows are then copied into ``node.db`` in short transactions,
still invisible (`stage`), and become visible in a single one (`service`).
"""
