"""Stein: accelerator requests (ARQs), bound and unbound by Cyborg.

This is the contract as it is meant.  What shipped software does wrong is a
named defect, which ``build(defects=['B1'])`` switches on.
"""
