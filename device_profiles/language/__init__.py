"""The profile language: schema, checks, errors that say how to mend a file. Not needed to decode."""
