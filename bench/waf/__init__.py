"""What the starter set of rules finds of attacks that others have collected."""
