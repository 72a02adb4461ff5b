"""Migrations of the catalog. Each only adds, so that an older server on the same data directory keeps working."""
