"""Detection: what traffic there is to whom, whether it is an attack, and what is known of it."""
