"""The settings: their models, and reading them from one YAML file and the environment."""
