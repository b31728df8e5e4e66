"""Nodes: their enrolment, their heartbeats, and their stored state."""
