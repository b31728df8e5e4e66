"""The tree of all commands as data, and the files made from it: man pages, completion."""
