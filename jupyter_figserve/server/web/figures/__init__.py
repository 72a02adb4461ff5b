"""HTTP of figures: bytes, records, pages and export."""
