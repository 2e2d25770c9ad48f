"""The demonstration: broker, collector, agent and sensors as real processes, a fault on each, a judge at the end."""
