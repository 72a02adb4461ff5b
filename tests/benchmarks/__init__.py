"""The package's performance compared with common alternatives: ``make bench``.

The machine and its load change from minute to minute, so that only ratios within one run are meaningful: each row
measures both sides alternately and compares medians. Everything runs on loopback, in processes and directories that
the run creates and removes.
"""
