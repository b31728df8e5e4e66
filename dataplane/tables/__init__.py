"""Python's side of each native table, one module each: created and filled here, read by workers.

`retired` frees a replaced table when no worker can read it any more.
"""
