"""Drivers for the cards of a vendor that there is not, 1e4a.

They do what ``specs/rocky/approved/gpu-plugin-x86.rst`` and
``fpga-plugin-x86.rst`` ask of drivers, by files that a kernel driver could
offer in sysfs; ``harness/kernel.py`` is that kernel.
"""

VENDOR = '0x1e4a'
