"""The rules in force in the data plane: slots, tiers and databases."""
