"""Makes the dashboards: ``python -m deploy.grafana.generator``."""
