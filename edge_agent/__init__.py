"""The agent: reads sensors on a field device, keeps readings until storage has them, and publishes them as blocks."""
