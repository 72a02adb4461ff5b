"""HTTP: handlers by feature, their routes and the application context that they reach."""
