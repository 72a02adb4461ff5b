"""The store's door: one repository for each aggregate."""
