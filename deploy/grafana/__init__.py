"""Grafana: dashboards for both kinds of store, and the program that makes them."""
