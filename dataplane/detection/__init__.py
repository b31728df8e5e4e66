"""Detection: measures traffic per target, finds attacks, and collects evidence about them."""
