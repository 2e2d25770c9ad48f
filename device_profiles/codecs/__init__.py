"""Codecs that are code rather than a profile: protocols with their own grammar."""
