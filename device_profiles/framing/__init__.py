"""Frames out of a byte stream, one module per protocol; any cutting of the stream gives the same frames."""
