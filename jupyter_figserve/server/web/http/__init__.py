"""What all handlers share: bases, conditional requests, negotiation, templates, JSON views."""
