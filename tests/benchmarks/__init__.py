"""What the package costs beside what else one would use: ``make bench``.

The machine and its other work change from minute to minute, so that only ratios within one run say anything: each
row measures both sides in turns and compares medians. Everything runs on loopback, in processes and directories that
the run makes and ends.
"""
