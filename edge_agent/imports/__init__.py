"""Files of readings that were recorded elsewhere, into the outbox: each row once, however often its file is given."""
