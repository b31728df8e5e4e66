"""What the orchestrator says of itself and of its fleet on port 9091, once for all its workers."""
