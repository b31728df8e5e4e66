"""Detection rate of the starter rules for collections of attacks."""
