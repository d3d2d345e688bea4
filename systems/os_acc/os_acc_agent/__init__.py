"""The agent of a host, as ``specs/rocky/approved/driver-entry-points.rst``
has it.

``driver`` is what a driver has to offer, ``agent`` what plugins and the
conductor are told and have done, ``workers`` where a driver runs, ``leases``
what is kept on the host, ``assignable`` what can be handed to a guest at
all, and ``server`` the host socket.
"""
