"""The catalog: tables, queries and the writer thread."""
