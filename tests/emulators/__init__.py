"""Emulated sensors, judged by readers that others wrote and by what vendors print."""
