"""What of a request is scanned, in three forms: twins of ``stages/http/forms/``."""
