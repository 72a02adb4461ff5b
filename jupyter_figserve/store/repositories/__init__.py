"""The store's interface: one repository for each aggregate."""
