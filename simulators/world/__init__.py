"""The simulated world: fields of weather, air, soil and water over place and time, the same for the same seed."""
