"""What administrators see of all owners, and what they may do."""
