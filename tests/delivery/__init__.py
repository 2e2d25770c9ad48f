"""The delivery machines, transition by transition, and what hostile messages may not do to them."""
