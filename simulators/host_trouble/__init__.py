"""Troubles of the host that a process runs on: its clock, its disk."""
