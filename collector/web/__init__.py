"""The page: one read-only view of the latest values, the accounting and the links, without JavaScript."""
