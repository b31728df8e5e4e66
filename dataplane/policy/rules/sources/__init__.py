"""Rules about where a packet comes from: lists, countries, addresses that nobody can have."""
