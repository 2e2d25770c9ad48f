"""Telemetry of vehicles: scan, copies, clocks, flights, tracks, import."""
