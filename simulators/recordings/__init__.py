"""Recordings of sensors and vehicles: read what many tools wrote, say it again, write down what a port says."""
