"""Rules of the WAF as the node's API and the fleet's both have them."""
