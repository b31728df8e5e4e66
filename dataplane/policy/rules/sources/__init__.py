"""Rules about the source of a packet: lists, countries, bogons."""
