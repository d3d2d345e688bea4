"""What stands around os-acc when it is tried.

``api`` is the Cyborg API, ``agent`` the agent with its devices, ``libvirtd``
a real libvirtd with nothing of the machine's own, ``odd`` the platform that
PLAT-021 asks for, and ``host`` all of it, with nova-compute.
"""
