"""The HTTP server below an application: what waits for a client waits here, without a thread."""
