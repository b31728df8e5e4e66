"""Python's side of each native table, one module each: made and filled here, read by workers.

`retired` frees a replaced table once no worker can still read it.
"""
