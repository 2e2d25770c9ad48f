"""Faults of sensors, bytes and clocks as pure stages, each labelled where it strikes."""
