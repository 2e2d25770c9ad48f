"""Real processes under load, one thing broken after another, and a judge at the end."""
