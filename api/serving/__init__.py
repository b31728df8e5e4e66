"""The HTTP server below an application: a slow client occupies no thread."""
