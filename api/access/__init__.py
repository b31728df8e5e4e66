"""Access control and its record: API keys, the gate, receipts, the audit trail.

Both APIs use this package. It depends on neither of them, and reaches databases through
`api.storage` only.
"""
