"""The whole tree of commands as data, and what is made from it: man pages, completion."""
