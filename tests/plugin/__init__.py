"""Drivers of other packages."""
