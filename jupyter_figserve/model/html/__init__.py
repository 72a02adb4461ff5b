"""HTML figures: what their documents contain and load, and the policy that confines them. Any process."""
