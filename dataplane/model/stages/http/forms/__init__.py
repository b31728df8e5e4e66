"""The parts of a request that are scanned, in three forms: twins of ``stages/http/forms/``."""
