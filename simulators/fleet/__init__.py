"""Many agents in one process: the real protocol and encoder, outboxes in memory, one connection each."""
