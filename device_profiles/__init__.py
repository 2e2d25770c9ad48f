"""The contract between a field sensor and everything that reads it: profiles, codecs, units and the wire format."""
