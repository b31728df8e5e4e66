"""Country databases: where they come from, the file that the data plane loads, and its codes.

``secbeat countries build`` writes the file, as root; the data plane reads it whole and the API
looks into it. No process that speaks HTTP may write it.
"""
