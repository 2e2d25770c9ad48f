"""The block protocol: blocks, receipts, sync, state, and the delivery rules of both sides as pure state machines."""
