"""How frames become numbers, compiled once per profile; the same code in the agent and the collector."""
