"""Sensors that say, byte for byte, what the real ones say; written from their documents, never from our decoder."""
