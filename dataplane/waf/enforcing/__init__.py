"""The rules in the data plane: slots, tiers and the databases in force."""
