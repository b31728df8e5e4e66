"""Import, list and flush long lists with the command line, in one source tree or in two."""
