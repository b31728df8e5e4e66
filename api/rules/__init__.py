"""Rules of the WAF: the common part of the node's API and the fleet's."""
