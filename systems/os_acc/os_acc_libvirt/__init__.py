"""The plugins ``gpu-libvirt`` and ``fpga-libvirt`` of the Rocky specs.

``plugin`` is the first, with what both have in common, ``fpga`` the second,
``elements`` makes libvirt's elements of attach data, for the plugins and for
the virt driver, and ``host_socket`` asks the agent.
"""
