"""The connections stage and the SYN proxy."""
