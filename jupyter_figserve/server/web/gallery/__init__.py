"""The page of all that an owner has, over HTTP: filters, cards and sections."""
