"""Who may do what, and what was done: API keys, the gate, receipts, the audit trail.

Both APIs stand on it. It knows neither of them, and of databases only `api.storage`.
"""
