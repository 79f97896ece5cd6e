"""What the doctors of all services share."""
