"""Each driver against the bytes of its devices, and against what goes wrong on their lines."""
