"""Scenario files: a valley of stations, links and faults from one seed, played and judged."""
