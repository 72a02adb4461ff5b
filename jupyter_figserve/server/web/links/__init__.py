"""HTTP of links: the owner's side, and what a link shows to anybody."""
