"""Delivery as decisions: what agent and collector do about each event, without doing it.

Both machines are plain objects: an event goes in, a tuple of actions comes out. They hold no socket, file, clock or
random source; time and randomness are arguments. The agent's uplink, the collector's intake and the seeded simulator
run this same code.
"""
