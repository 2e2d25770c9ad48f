"""What agent and collector both need of the machine: durable logs, configuration errors, control socket, notices."""
