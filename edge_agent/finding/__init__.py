"""Which models answer on a port: listening, asking as the catalogue says, moving an address."""
