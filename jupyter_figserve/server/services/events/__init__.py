"""Events of the catalog and of sessions, for whoever subscribes."""
