"""Following: fetch what the orchestrator wants, apply it part by part, store the progress."""
