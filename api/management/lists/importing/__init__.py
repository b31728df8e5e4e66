"""Importing up to a million entries while single bans go on as if nothing happened.

A body is parsed whole into a scratch database (`parse`), by a process of its own when it is large,
so that the API's interpreter stays free. Its rows are then copied into ``node.db`` in short
transactions, invisible (`stage`), and become visible in one (`service`).
"""
