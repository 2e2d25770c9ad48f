"""Tests of looking at devices, finding out what answers, and moving addresses."""
