"""Holding our decoding against results others published."""
