"""Liveness and readiness of the orchestrator."""
