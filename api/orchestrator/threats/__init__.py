"""Threats: attacks on the fleet, merged from the incidents of all nodes."""
