"""HTTP of dashboards: records, pages, preview images and event streams."""
