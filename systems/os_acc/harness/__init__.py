"""What stands around os-acc when it is tried.

``api`` is the Cyborg API, ``agent`` an agent whose turns a test takes,
``kernel`` what a write to sysfs does, ``drivers`` drivers that do as they are
told, ``planted`` faults that tests have to notice, ``libvirtd``
a real libvirtd with nothing of the machine's own, ``odd`` the platform that
PLAT-021 asks for, and ``host`` all of it, with nova-compute.
"""
