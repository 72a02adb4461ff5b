"""HTTP of figures: bytes, records, pages, gallery and export."""
