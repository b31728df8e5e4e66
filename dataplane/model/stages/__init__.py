"""The stages, one module or folder for each, under the names of ``dataplane/fastpath/stages``."""
