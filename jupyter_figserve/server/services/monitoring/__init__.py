"""What the operators of a server see of it: metrics, audit events and readiness."""
