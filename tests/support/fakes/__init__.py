"""Fakes of a host, a driver, an agent and an orchestrator."""
