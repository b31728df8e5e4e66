"""What stands in for a host, a driver, an agent or an orchestrator."""
