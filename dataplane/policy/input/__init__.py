"""From text to a policy document: its form, its mistakes, and what an older release has stored."""
