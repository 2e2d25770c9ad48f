"""Simulated sensors, links and faults, and the judge that compares what was emitted with what was stored."""
