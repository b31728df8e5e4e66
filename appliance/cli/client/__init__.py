"""How a command asks the API of the node, and what it says when the API refuses."""
