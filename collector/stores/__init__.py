"""Time-series stores of others, fed from the journal: each a projection with an offset of its own."""
