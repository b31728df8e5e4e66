"""The terminal functions that all commands share: options, tables, JSON, durations."""
