"""Files into the outbox: every row once, whatever happens on the way."""
