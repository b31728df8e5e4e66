"""The common base of all HTTP services of SecBeat."""
