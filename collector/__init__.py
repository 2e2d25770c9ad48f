"""The collector: takes blocks from the broker, makes them durable, answers with receipts, and fills the stores."""
