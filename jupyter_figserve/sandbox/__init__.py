"""Runs posted code and opens sources, in jailed processes of one job each."""
