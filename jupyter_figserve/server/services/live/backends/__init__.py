"""Ways to run a live call: the agent, a control channel, another server on the same catalog."""
