"""Where messages come from: one port, one module per MQTT library behind it."""
