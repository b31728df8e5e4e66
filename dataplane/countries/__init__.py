"""Country databases: their sources, the file that the data plane loads, and the country codes.

``secbeat countries build`` writes the file, as root; the data plane and the API read it. No process
that serves HTTP may write it.
"""
