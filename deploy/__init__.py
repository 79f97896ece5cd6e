"""How Sluice is run: on this machine, and on Kubernetes."""
