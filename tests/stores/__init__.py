"""Tests of what is written to time-series stores of others."""
