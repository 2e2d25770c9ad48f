"""What an autopilot's messages tell together: flights, and where the vehicle was at any instant."""
