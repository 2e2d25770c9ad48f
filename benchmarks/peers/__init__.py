"""Harkara beside what people use to bring MQTT into the store they have."""
