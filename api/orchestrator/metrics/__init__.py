"""The metrics of the orchestrator and its fleet on port 9091, once for all workers."""
