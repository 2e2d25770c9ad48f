"""The profile language: its schema, its checks and errors that say how to mend a file. Not imported where readings are decoded."""
