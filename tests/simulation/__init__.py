"""A seeded world in which the delivery machines must keep every promise, and rule mutations that must break one."""
